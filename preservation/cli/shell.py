"""What every command shares: where the home is, how answers are printed, how failures end.

Source: the contract of the command line, ``docs/reference/cli.md``.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import pwd
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from preservation.cli.main import Where, say_no_more
from preservation.cli.tables import Rows
from preservation.errors import MalformedError, NotNowError, SamarkandError, UsageError
from preservation.model.deferred import dataclass
from preservation.model.progress import Silence

if TYPE_CHECKING:
    import typer
    from rich.console import Console

    from preservation.model.progress import Progress

PIPED_WIDTH = 160
_RICH = {"FORCE_COLOR", "TTY_COMPATIBLE"}  # by these, Rich takes a pipe for a terminal
ORDER = (1, 2, 4, 3, 5)  # which exit code wins where several apply


@dataclass
class Shell:
    """One call of ``preserve``. Rich is imported when it is needed: its import takes 50 ms."""

    home: Path
    policies: Path

    @cached_property
    def out(self) -> Console:
        """For answers; standard output."""
        return _console(stderr=False)

    @cached_property
    def err(self) -> Console:
        """For progress, warnings and failures; standard error."""
        return _console(stderr=True)

    @contextmanager
    def watching(self) -> Iterator[Progress]:
        """Progress for people: bytes, rate and time left, where there is a terminal."""
        if sys.stderr.isatty():
            with _import("preservation.cli.watching").watch(self.err) as progress:
                yield progress
        else:
            yield _Sentences()

    def warn(self, sentence: str) -> None:
        """A line on standard error."""
        self.err.print(f"[yellow]![/] {_import('rich.markup').escape(sentence)}")

    def answer(
        self,
        as_json: bool,
        schema: str,
        body: Mapping[str, Any],
        render: Callable[[Console], None],
        exit_code: int = 0,
        *,
        styled: bool = False,
    ) -> NoReturn:
        """Print one answer and leave with its exit code.

        Args:
            as_json: whether to print the document.
            schema: of the JSON document: ``samarkand.ingest/1``.
            body: of the JSON document.
            render: prints the same for people.
            exit_code: by the contract.
            styled: whether what is printed holds Rich's markup, and escapes what others wrote.
                Otherwise square brackets are square brackets: names hold them.
        """
        try:
            if as_json:
                document = {"schema": schema, "exit": exit_code, **body}
                json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
                sys.stdout.write("\n")
            else:
                render(self.out if styled else _unstyled())
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:  # the disk is full that the answer goes to
            say_no_more()
            sys.stderr.write(f"the answer cannot be written: {error.strerror or error}\n")
            exit_code = worst({exit_code, NotNowError.exit_code})
        raise SystemExit(exit_code)


def _console(*, stderr: bool, markup: bool = True) -> Console:
    """A console; into a file or pipe, as wide as most tables need."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    made: Console = _import("rich.console").Console(
        stderr=stderr,
        highlight=False,
        soft_wrap=True,
        width=None if terminal else PIPED_WIDTH,
        markup=markup,
        emoji=False,
    )
    return made


def _unstyled() -> Any:
    return _console(stderr=False, markup=False) if sys.stdout.isatty() else _Piped()


class _Piped:
    """A console without markup, into a file or pipe: text goes there as it is."""

    def print(self, *what: Any, **how: Any) -> None:
        """As Rich's, which is called for all but text and plain tables."""
        if all(isinstance(each, str) for each in what):
            sys.stdout.write(" ".join(what) + "\n")
        elif not how and (text := _plain(*what)) is not None:
            sys.stdout.write(text)
        else:
            sys.stdout.flush()
            _console(stderr=False, markup=False).print(*what, **how)


def _plain(*what: Any) -> str | None:
    """What Rich would write of a table, where nobody asks it for colours or other letters."""
    encoding = (sys.stdout.encoding or "").lower()
    if len(what) != 1 or encoding != "utf-8" or not _RICH.isdisjoint(os.environ):
        return None
    return what[0].plain(PIPED_WIDTH) if isinstance(what[0], Rows) else None


class _Sentences(Silence):
    """Progress where there is no terminal: sentences only."""

    def say(self, sentence: str) -> None:
        sys.stderr.write(f"  {sentence}\n")


def _import(module: str) -> Any:
    return importlib.import_module(module)


def shell(ctx: typer.Context) -> Shell:
    """The shell of the command that is running."""
    where = ctx.find_object(Where)
    if where is None:
        raise SamarkandError("a command runs outside of `preserve`")
    return Shell(where.home, where.policies)


def table(title: str, *columns: str) -> Rows:
    """A table as all commands print it; a column named ``>bytes`` is aligned to the right."""
    return Rows(title, columns)


def account() -> str:
    """Who is at the keyboard, for the record: by the process's own real user, which no variable
    of the environment can name otherwise.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "unknown"


class Several:
    """Several pieces of work, of which one that cannot be done stops no other: not even by a defect
    of ours, known or not, or what came before it would not be told, and what comes after it never
    done.
    """

    def __init__(self, here: Shell) -> None:
        self._here = here
        self.failed: list[SamarkandError] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Do one piece; say what is in its way, and go on with the next.

        Raises:
            UsageError: the request is wrong, for all of them.
        """
        try:
            yield
        except SamarkandError as error:
            if isinstance(error, UsageError) and not isinstance(error, MalformedError):
                raise
            self._note(error)
        except (MemoryError, BrokenPipeError):
            raise
        except Exception as error:  # what nobody thought of: told whole, for whoever mends it
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                raise  # the request is wrong
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            self._note(SamarkandError(message, hint="report it, with the lines above"))

    def _note(self, error: SamarkandError) -> None:
        self.failed.append(error)
        hint = f"; next: {error.hint}" if error.hint else ""
        self._here.warn(f"[{error.code}] {error.message}{hint}")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """For the JSON document."""
        return [error.to_json() for error in self.failed]

    @property
    def codes(self) -> set[int]:
        """The exit codes that the failures stand for."""
        return {error.exit_code for error in self.failed}


def worst(codes: set[int]) -> int:
    """The exit code of several: the first that applies of 1, 2, 4, 3, 5; else 0."""
    return next((code for code in ORDER if code in codes), 0)
