"""Commands start without pydantic and Rich, and understand every value as Typer does."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
import typer.core
from typer.testing import CliRunner

from preservation.cli import values


class Kind(StrEnum):
    FIRST = "first"
    SECOND = "second"


def app() -> typer.Typer:
    made = typer.Typer()

    @made.command()
    def run(
        path: Annotated[Path, typer.Argument(exists=False)],
        text: str = "",
        kind: Kind = Kind.FIRST,
        many: Annotated[list[str] | None, typer.Option()] = None,
        kinds: Annotated[list[Kind] | None, typer.Option()] = None,
        there: Annotated[Path | None, typer.Option(exists=True)] = None,
        number: int = 0,
        flag: bool = False,
    ) -> None:
        typer.echo(repr((path, text, kind, many, kinds, there, number, flag)))

    return made


@pytest.mark.parametrize(
    "words",
    [
        ["a/b"],
        [],
        ["a", "b"],
        ["a", "--text", "", "--flag"],
        ["a", "--kind", "second", "--kinds", "first", "--kinds", "second"],
        ["a", "--kind", "third"],
        ["a", "--kinds", "first", "--kinds", "third"],
        ["a", "--many", "x", "--many", "y"],
        ["a", "--there", "/"],
        ["a", "--there", "/no/such/place"],
        ["a", "--number", "7"],
        ["a", "--number", "seven"],
    ],
)
def test_values_are_read_and_refused_as_typer_does(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> Any:
        result = CliRunner().invoke(app(), words)
        return result.exit_code, result.output

    monkeypatch.setattr(typer.core, "build_runtime_param", values._typers_own)
    typers = said()
    values.read_plainly()
    assert said() == typers


def test_a_bag_is_validated_without_pydantic_and_rich(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from preservation.cli.main import call\n"
        "code = call(['bag', 'validate', sys.argv[1]])\n"
        "print(code, sorted({'pydantic', 'rich', 'numpy', 'pyarrow'} & set(sys.modules)))\n"
    )
    (tmp_path / "bagit.txt").write_text("not a bag\n")
    command = [sys.executable, "-c", script, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "3 []"
