# Everything a person does with this project. `make help` lists it.
# Needs Python 3.11 with venv, and make; nothing else has to be there before.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python
NATIVE := hatch_build.py $(wildcard preservation/*/native/*)
INSTALL = $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --offline --reinstall-package samarkand --python $(BIN)/python --editable .
# Else every start compiles what it loads where nobody may write, or has asked Python not to.
COMPILE = $(BIN)/python -m compileall -q preservation || true
# uv shows nothing of what a build that succeeds has to say.
TELL = $(BIN)/python -c 'import preservation.fixity._small' 2>/dev/null || \
  echo "no C compiler: files are read and hashed one after the other, two to three times as slowly; for more, install one, then make clean and this again"
HOME_DIR ?= var
PRESERVE := $(BIN)/preserve --home $(HOME_DIR)

.DEFAULT_GOAL := help
.PHONY: help demo up down test test-quick lint format bench soak fuzz docs lock clean fixity

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/uv: requirements/uv.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; or name another: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# What runs. The development set holds it too, so it is installed only where neither is.
$(VENV)/.app: $(BIN)/uv requirements/app.txt pyproject.toml $(NATIVE)
	@if [ ! -e $(VENV)/.dev ]; then echo "installing"; $(UV) requirements/app.txt; fi
	@$(INSTALL)
	@$(COMPILE)
	@$(TELL)
	@touch $@

$(VENV)/.dev: $(BIN)/uv requirements/dev.txt pyproject.toml $(NATIVE)
	@echo "installing the development set"
	@$(UV) requirements/dev.txt
	@$(INSTALL)
	@$(COMPILE)
	@$(TELL)
	@touch $@

# Programs that run beside us in processes and environments of their own: an S3 server for the
# tests, and Artefactual's fixity (AGPL-3.0), which a tier of kind archivematica is asked with.
.venv-%/.done: requirements/%.txt $(BIN)/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$*
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-$*/bin/python $<
	@touch $@

.PRECIOUS: .venv-%/.done

fixity: .venv-fixity/.done ## the environment that tiers of kind archivematica need

demo: $(VENV)/.app ## the main job on samples, by DAG runs; DEPOSITS=folder for your own
	@$(PRESERVE) demo $(if $(DEPOSITS),--deposits "$(DEPOSITS)")

up: $(VENV)/.app ## start Airflow for the home, and leave it running
	@test -e $(HOME_DIR)/samarkand.toml || $(PRESERVE) init
	@$(PRESERVE) up

down: $(VENV)/.app ## stop all of it
	@$(PRESERVE) down

test: $(VENV)/.dev .venv-ministack/.done .venv-fixity/.done ## all tests
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 30 --ignore tests/dags --ignore tests/e2e
	$(BIN)/pytest --durations 15 tests/dags tests/e2e

test-quick: $(VENV)/.dev ## the tests that take under a minute together
	$(BIN)/pytest --numprocesses 2 -m "not slow and not airflow and not browser" tests/unit tests/contract

lint: $(VENV)/.dev ## style, types, floors, generated reference pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate/all.py --check

format: $(VENV)/.dev ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure against the peers, side by side
	$(BIN)/python benchmarks/run.py

soak: $(VENV)/.dev ## the long runs: every kill point, many mapped tasks
	SAMARKAND_SOAK=1 $(BIN)/pytest -m "slow" --timeout 3600 tests

fuzz: $(VENV)/.dev ## every parser against odd octets; SECONDS=600 for longer, in all
	$(BIN)/python tests/fuzz/fuzzers.py $(or $(SECONDS),60)

docs: $(VENV)/.dev ## write the generated reference pages
	$(BIN)/python docs/generate/all.py

# Only this needs the package index by name resolution; the results name no index.
lock: $(BIN)/uv ## resolve the requirements anew
	$(BIN)/uv pip compile pyproject.toml --extra airflow --extra formats --group build --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --no-annotate --no-header --quiet -o requirements/app.txt
	$(BIN)/uv pip compile pyproject.toml --extra airflow --extra formats --extra celery --group build --group dev --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --no-annotate --no-header --quiet -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --extra airflow --extra formats --extra celery --group build --python-version 3.11 \
	  --constraint requirements/dev.txt --no-emit-index-url --generate-hashes --no-annotate --no-header --quiet -o docker/requirements.txt
	for one in ministack fixity; do echo $$one | $(BIN)/uv pip compile - --python-version 3.11 \
	  --no-emit-index-url --generate-hashes --no-annotate --no-header --quiet -o requirements/$$one.txt; done

clean: ## remove what was installed; the home stays
	rm -rf $(VENV) .venv-ministack .venv-fixity .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
