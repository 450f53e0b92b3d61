"""``preserve``: one command, its subcommands loaded when they are called.

``preserve --help`` imports none of the heavy parts: the table below has what it prints. Typer, too,
is imported only where it is needed: see ``application.py``, and :class:`Plain`.
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from preservation.cli import standard_files
from preservation.errors import SamarkandError, UsageError, out_of_memory
from preservation.files import stopping
from preservation.model.deferred import dataclass

COMMANDS = {
    "init": ("home_commands", "Make a home: tiers, inboxes, catalogue, first policies."),
    "up": ("home_commands", "Start the local Airflow and its database."),
    "down": ("home_commands", "Stop everything that `up` started."),
    "demo": ("demo_command", "The main job on the sample deposits, from inbox to report."),
    "survey": ("survey_command", "Look at any folder, read-only: what taking it in would mean."),
    "ingest": ("ingest_ahead", "Take in deposits: each becomes an AIP version or is rejected."),
    "inbox": ("inbox_command", "See each deposit, from waiting to released; release them."),
    "bag": ("bag_commands", "Make and validate BagIt bags."),
    "replicate": ("work_commands", "Make the replicas that are promised and not there yet."),
    "audit": ("audit_commands", "Read replicas back and compare them."),
    "repair": ("work_commands", "Heal damaged replicas from verified ones."),
    "drill": ("drill_command", "Harm rehearsal replicas; see that all of it is found and healed."),
    "aip": ("aip_commands", "Look at what is held; get it out again."),
    "identifier": ("identifier_commands", "See and change the identifiers of AIPs."),
    "finding": ("finding_commands", "See what is wrong; accept what is known."),
    "retention": ("retention_commands", "See what was kept long enough; approve; dispose."),
    "hold": ("hold_commands", "Hold AIPs: nothing of them is disposed of meanwhile."),
    "access": ("access_commands", "See and set who gets AIPs out again."),
    "policy": ("policy_commands", "Check, preview, apply, compare and simulate policies."),
    "notify": ("notify_command", "Tell people what their policies say they are told."),
    "report": ("report_command", "Write the audit report of each community."),
    "formats": ("formats_commands", "What is held by format; what newer signatures say."),
    "tier": ("tier_commands", "Look at the places that keep replicas."),
    "catalogue": ("catalogue_commands", "Check the catalogue, or make it again."),
    "journal": ("catalogue_commands", "Move events into the journal and onto the tiers."),
}

_OBJECTS = 200_000  # before a search for garbage; a start makes 130,000, and hardly any is garbage


@dataclass(frozen=True, slots=True)
class Plain:
    """A command of ``preserve bag`` that mostly needs no parser to be understood.

    Attributes:
        module: whose ``enter`` does it.
        paths: how many it takes.
        options: those without values.
    """

    module: str
    paths: int
    options: Mapping[str, str]

    def split(self, words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
        """The paths among the words after the command's name, and the options that are on."""
        options: dict[str, Any] = {
            self.options[word]: True for word in words if word in self.options
        }
        return [word for word in words if word not in self.options], options


PLAIN = {
    "create": Plain("bag_creating", 2, {"--json": "as_json"}),
    "validate": Plain(
        "bag_validating",
        1,
        {
            "--strict": "strict",
            "--completeness-only": "completeness",
            "--oxum-only": "oxum",
            "--json": "as_json",
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Where:
    """Where the home and the policy files are; nothing heavy is imported to know it."""

    home: Path
    policies: Path


def run(arguments: list[str] | None = None) -> None:
    """Run ``preserve`` and leave the process with the contract's exit code."""
    standard_files.stand_in()
    warnings.showwarning = _warned
    stopping.listen()
    gc.set_threshold(_OBJECTS)  # one search costs 20 ms: a twentieth of a start
    exit_code = call(sys.argv[1:] if arguments is None else arguments)
    gc.freeze()  # nobody needs what a last search for garbage would find: 30 ms of every command
    sys.exit(exit_code)


def call(words: list[str]) -> int:
    """Run ``preserve``; returns the exit code. No failure of ours ends in a traceback."""
    try:
        _expect_no_empty(words)
        importlib.import_module(f"preservation.cli.{_front(words)}").enter(words)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except SamarkandError as error:
        return _failed(error, "--json" in words)
    except (MemoryError, RuntimeError) as error:
        short = out_of_memory(error)
        if short is None:
            raise
        return _failed(short, "--json" in words)
    except BrokenPipeError:  # whoever reads the answer has gone
        say_no_more()
        return 1
    except OSError as error:
        told = _place_told(error)
        if told is None:
            raise
        return _failed(told, "--json" in words)
    except KeyboardInterrupt:
        return stopped()
    return 0


def _expect_no_empty(words: list[str]) -> None:
    """An empty word is mostly a variable that is not set. As a path it would be the folder that
    one is in, as a community all of them, as an id whichever there is.
    """
    for word in words:
        if not word or (word.startswith("--") and word.endswith("=") and word.count("=") == 1):
            named = word.removesuffix("=") or "one word of the command"
            raise UsageError(
                f"nothing is given for {named}",
                hint="look at the variables in your command; leave out what has no value",
                code="SAM-EMPTY",
            )


def _place_told(error: OSError) -> UsageError | None:
    """What is wrong with a place that somebody named, or is in."""
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(
            f"a name is too long for the file system: {error.filename2 or error.filename}",
            hint="a name has 255 octets at most, a path 4,095",
            code="SAM-NAME-TOO-LONG",
        )
    if error.errno == errno.ENOENT and _is_nowhere():
        return UsageError(
            "the folder that you are in is not there any more",
            hint="go to another one, or name what you mean from the root: /…",
            code="SAM-NOWHERE",
        )
    return None


def _is_nowhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _warned(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say what Python would say with a line of our code beside it."""
    sys.stderr.write(f"warning: {message}\n")


def stopped() -> int:
    """Say so to whoever pressed Ctrl-C; returns the exit code."""
    sys.stderr.write("stopped; what was finished is kept, run it again for the rest\n")
    return 5


def say_no_more() -> None:
    """Standard output takes nothing more: nothing is tried again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _front(words: list[str]) -> str:
    """The module that reads these words; Typer takes longer to start than many a bag to be read."""
    plain = PLAIN.get(words[1]) if words[:1] == ["bag"] and len(words) > 1 else None
    if plain is not None:
        paths, _ = plain.split(words[2:])
        odd = any(path.startswith("-") or "\0" in path for path in paths)
        if len(paths) == plain.paths and not odd:
            return plain.module
    return "application"


def _failed(error: SamarkandError, as_json: bool) -> int:
    if as_json:
        document = {"error": error.to_json(), "exit": error.exit_code}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return error.exit_code
    sys.stderr.write(f"error [{error.code}] {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  next: {error.hint}\n")
    return error.exit_code
