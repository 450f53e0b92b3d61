"""Write docs/reference/cli.md from the commands themselves.

python docs/generate/cli.py           write it
python docs/generate/cli.py --check   exit 1 if it is not up to date
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from _pages import settle

from preservation.cli.application import preserve_app

TARGET = Path(__file__).resolve().parents[1] / "reference" / "cli.md"
OPENING = """\
# The command line

*Made from the commands by `docs/generate/cli.py`; do not edit.*

One command, `preserve`. What Airflow runs can be run by hand, with the same code. `--help` says the
same as this page, command by command.

- `--home` and `--policies` stand before the subcommand. Only `preserve init` and `preserve demo`
  make a home; every other command that needs one and finds none exits with 2 and names the path.
- Answers go to standard output, progress and warnings to standard error.
- With `--json`, standard output is one document with `schema` and `exit`. A failure is
  `{"error": {"code", "message", "hint", "retry"}, "exit"}`.
- A finding is `{"code", "subject", "message", "hint", "severity"}`; [all codes](finding-codes.md).
- [Exit codes](exit-codes.md): 0 all well, 1 a defect of ours, 2 usage or a wrong policy,
  3 rejected, 4 findings or overdue checks, 5 not done now.
- Policy files that were edited and not applied are not obeyed; commands that open the home say so.

"""


def page() -> str:
    """The whole page."""
    return OPENING + "\n".join(_command("preserve", typer.main.get_command(preserve_app)))


def _command(name: str, command: Any) -> Iterator[str]:
    """One command and, below it, its subcommands."""
    inner = dict(_subcommands(command))
    yield f"## `{name}`\n"
    yield inspect.cleandoc(command.help or "").replace("\f", "") + "\n"
    if not inner or command.invoke_without_command:
        yield f"```text\n{' '.join((name, *_usage(command)))}\n```\n"
    rows = [_row(one) for one in command.params if one.name != "help"]
    if rows:
        yield "| Argument or option | Meaning | Default |"
        yield "|---|---|---|"
        yield from rows
        yield ""
    for word, each in inner.items():
        yield from _command(f"{name} {word}", each)


def _usage(command: Any) -> Iterator[str]:
    yield "[OPTIONS]"
    for one in command.params:
        if one.param_type_name == "argument":
            word = one.name.upper() + ("..." if one.nargs < 0 else "")
            yield word if one.required else f"[{word}]"


def _subcommands(command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        return
    for word in command.list_commands(None):
        yield word, command.get_command(None, word)


def _row(one: Any) -> str:
    kind = one.type_descriptor.annotation.__name__.upper()
    if one.param_type_name == "argument":
        spelt = f"`{one.name.rstrip('_').upper()}`"
    else:
        valued = "" if one.is_flag else f" {kind}"
        spelt = ", ".join(f"`{name}{valued}`" for name in (*one.opts, *one.secondary_opts))
    variable = getattr(one, "envvar", None)
    meaning = (one.help or "") + (f" Environment: `{variable}`." if variable else "")
    cells = (spelt, meaning, _default(one))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(one: Any) -> str:
    if one.required:
        return "must be given"
    if one.default in (None, "", False):
        return ""
    return f"`{one.opts[0]}`" if one.default is True else f"`{one.default}`"


if __name__ == "__main__":
    sys.exit(settle({TARGET: page()}, __doc__))
