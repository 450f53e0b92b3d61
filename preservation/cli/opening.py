"""Opening the home for a command; apart from the shell, since not every command needs one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from preservation.app import Parts, open_home, read_policies
from preservation.cli.shell import Shell
from preservation.errors import BusyError, NotNowError, UsageError
from preservation.ledger.policies import edited
from preservation.policy.policy import Policy


@contextmanager
def opened(here: Shell, *, acts: bool = False) -> Iterator[Parts]:
    """Open the home; say so if policy files were edited and are not in force.

    Args:
        here: the shell of the command.
        acts: the command records events; they are drained into the journal when it ends, also
            where no Airflow does that every few minutes.
    """
    with open_home(here.home, here.policies) as parts:
        _mention_edits(here, parts)
        try:
            yield parts
        finally:
            if acts:
                _drain(here, parts)


def _drain(here: Shell, parts: Parts) -> None:
    """What cannot be drained now waits in the outbox; a tier that is away is served later."""
    try:
        for finding in parts.drain().findings:
            here.warn(f"{finding.subject}: {finding.message}")
    except BusyError:
        return  # another drain is at it, and takes ours along
    except NotNowError as error:
        here.warn(f"the journal waits: {error.message}")


def _mention_edits(here: Shell, parts: Parts) -> None:
    try:
        changed = edited(parts.store, read_policies(here.policies))
    except UsageError:
        return  # no policy files here: nothing was edited
    if changed:
        files = f"{len(changed)} edited file{'s' * (len(changed) != 1)} not in force"
        here.warn(f"{files} ({', '.join(changed)}): run `preserve policy plan`")


def communities(parts: Parts, only: str | None) -> list[Policy]:
    """The policies in force, of all communities or of one.

    Raises:
        UsageError: none is in force.
    """
    if only is not None:
        return [parts.store.governing(only)]
    lines = parts.store.in_force()
    if not lines:
        raise UsageError(
            "no policy is in force", hint="run `preserve policy apply`", code="POL-NOT-IN-FORCE"
        )
    return [parts.store.policy(lines[name].digest) for name in sorted(lines)]
