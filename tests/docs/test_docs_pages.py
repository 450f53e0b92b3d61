"""The documents say what is there: links lead somewhere, commands and targets exist, every
setting is told, and generated pages are up to date."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from preservation.cli.application import preserve_app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "examples/README.md"])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^[ \t]*```(\w*)\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
STORED = ("receipt", "check", "difference", "deposit", "event", "seal", "tier", "policy", "home")
VARIABLE = re.compile(r"""environ(?:\.get\(|\[)\s*"([A-Z_]+)"|envvar="([A-Z_]+)\"""")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def without_code(text: str) -> str:
    return FENCE.sub("", text)


def anchors(page: Path) -> set[str]:
    """Headings as links name them: lower case, words and hyphens."""
    text = without_code(page.read_text("utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else page.parent / name
        assert target.exists(), f"{page.name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_every_document_can_be_reached_from_the_first() -> None:
    """A page that nothing links to is not found by anybody."""
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        links = LINK.findall(without_code(page.read_text("utf-8")))
        waiting += [page.parent / link.partition("#")[0] for link in links if "://" not in link]
    lost = [str(page.relative_to(ROOT)) for page in PAGES if page.resolve() not in seen]
    assert not [page for page in lost if page.startswith("docs/")]


def test_every_news_fragment_is_named_as_towncrier_wants_it() -> None:
    """Another name is read as that of an issue, or is left out of the news in silence."""
    names = {path.name for path in (ROOT / "changelog.d").iterdir()} - {"README.md"}
    wanted = re.compile(r"(\d+|\+[a-z0-9-]+)\.(added|changed|fixed)\.md")
    assert names
    assert not {name for name in names if not wanted.fullmatch(name)}


def test_the_readme_is_under_700_words() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) < 700


# -- commands


def command_lines(page: Path) -> Iterator[str]:
    """Lines of shell in a page, and commands in running text."""
    text = page.read_text("utf-8")
    for kind, block in FENCE.findall(text):
        if kind in ("sh", "bash", "text", ""):
            yield from (line.strip() for line in block.splitlines())
    yield from SPAN.findall(without_code(text))


def words_of(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # an apostrophe in prose
        return []


def parsed(words: list[str]) -> str:
    """What is wrong with a `preserve` command line; empty if nothing is."""
    command: Any = typer.main.get_command(preserve_app)
    rest, known = list(words), {}
    while True:
        known |= {name: one for one in command.params for name in one.opts + one.secondary_opts}
        while rest and rest[0].startswith("-"):
            option = rest.pop(0).partition("=")[0]
            if option in ("--help", "-h"):
                continue
            if option not in known:
                return f"no option {option}"
            if not known[option].is_flag and rest:
                rest.pop(0)
        if not hasattr(command, "list_commands") or not rest:
            break
        inner = command.get_command(None, rest[0])
        if inner is None:
            return "" if rest[0].isupper() else f"no command {rest[0]}"
        command = inner
        rest.pop(0)
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]
    wrong = [word for word in options if word not in known and word != "--help"]
    return f"no option {wrong[0]}" if wrong else ""


@each_page
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    for line in command_lines(page):
        words = words_of(line)
        if words and words[0] in ("preserve", ".venv/bin/preserve"):
            stop = next((n for n, word in enumerate(words) if word in "|;&&>"), len(words))
            wrong = parsed(words[1:stop])
            assert not wrong, f"{page.name}: {line}: {wrong}"


def said() -> Iterator[tuple[str, str]]:
    """Commands in backticks in what the program says: hints, pages, documentation of DAGs."""
    for path in sorted((ROOT / "preservation").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = ""
            if isinstance(node, ast.JoinedStr):
                parts = (one.value if isinstance(one, ast.Constant) else "X" for one in node.values)
                text = "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            yield from ((path.name, span) for span in SPAN.findall(text))


def test_every_command_that_the_program_names_exists() -> None:
    wrong = set()
    for name, span in said():
        words = words_of(span)
        if words[:1] == ["preserve"] and (error := parsed(words[1:])):
            wrong.add(f"{name}: {span}: {error}")
    assert not wrong


@each_page
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([\w./$()-]+):", makefile, re.MULTILINE))
    targets |= {name.replace("$(VENV)", ".venv") for name in targets}
    for line in command_lines(page):
        words = words_of(line)
        if words[:1] == ["make"]:
            named = [word for word in words[1:] if "=" not in word]
            assert set(named) <= targets, f"{page.name}: {line}"


# -- completeness


def test_every_variable_that_is_read_is_documented() -> None:
    found = set()
    for path in (ROOT / "preservation").rglob("*.py"):
        for pair in VARIABLE.findall(path.read_text("utf-8")):
            found |= {name for name in pair if name}
    told = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    assert {"PRESERVATION_HOME", "PRESERVATION_POLICIES"} <= found
    assert not [name for name in sorted(found) if f"`{name}`" not in told]


def test_every_decision_has_its_number_and_its_four_parts() -> None:
    parts = ["Context", "Decision", "Cost", "What would violate it"]
    for page in (ROOT / "docs/decisions").glob("[0-9]*.md"):
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]}: "), page.name
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert [heading for heading in headings if heading in parts] == parts, page.name


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")
    numbered = (ROOT / "docs/decisions").glob("[0-9]*.md")
    assert not [path.name for path in numbered if f"({path.name})" not in index]


def test_every_stored_format_has_a_page() -> None:
    """Every schema that durable bytes carry is named in docs/formats."""
    told = "".join(page.read_text("utf-8") for page in (ROOT / "docs/formats").glob("*.md"))
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "preservation").rglob("*.py"))
    for name in STORED:
        assert f"samarkand.{name}/1" in sources
        assert f"samarkand.{name}/1" in told


def test_every_invariant_links_to_a_test_that_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| .*? \| (.*) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 13))
    for number, tests in rows:
        links = re.findall(r"\[`(\w+(?:\.py)?)`\]\(([^)]+)\)", tests)
        assert links, f"invariant {number} has no test"
        for name, path in links:
            source = (ROOT / path).read_text("utf-8")
            assert name == Path(path).name or f"def {name}(" in source, f"{number}: {name}"


def defined(names: list[str], body: list[ast.stmt]) -> bool:
    """Whether classes, functions or values of these names stand in each other."""
    if not names:
        return True
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == names[0]:
            return defined(names[1:], node.body)
    return False


def is_part(name: str) -> bool:
    """Whether a room, a module, or what is defined in one, has this dotted name."""
    at, rest = ROOT / "preservation", name.split(".")
    while rest and (at / rest[0]).is_dir():
        at /= rest.pop(0)
    file = at / f"{rest[0]}.py" if rest else at
    if not rest or not file.is_file():
        return not rest
    return defined(rest[1:], ast.parse(file.read_text("utf-8")).body)


def test_every_part_that_the_architecture_names_is_there() -> None:
    text = without_code((ROOT / "ARCHITECTURE.md").read_text("utf-8"))
    rooms = {path.name for path in (ROOT / "preservation").iterdir() if path.is_dir()}
    spans = (span.removesuffix("()") for span in SPAN.findall(text))
    named = {span for span in spans if re.fullmatch(r"\w+(\.\w+)+", span)}
    parts = {one for one in named if one.partition(".")[0] in rooms}
    assert len(parts) > 30
    assert not [one for one in sorted(parts) if not is_part(one)]


def test_the_architecture_shows_every_room() -> None:
    house = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("```text\n")[1].split("```")[0]
    rooms = {path.parent.name for path in (ROOT / "preservation").glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"(\w+)/", house))


def test_generated_pages_are_up_to_date() -> None:
    script = ROOT / "docs/generate/all.py"
    told = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, env=os.environ
    )
    assert told.returncode == 0, told.stderr + told.stdout
