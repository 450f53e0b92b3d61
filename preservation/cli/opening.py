"""Opening the home for a command; apart from the shell, since not every command needs one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from preservation.app.editing import edited_policies
from preservation.app.freshness import clock_is_behind, out_of_date
from preservation.app.parts import Parts, open_home
from preservation.cli.shell import Shell
from preservation.errors import BusyError, NotNowError, UsageError
from preservation.model.units import counted
from preservation.policy.policy import Policy

if TYPE_CHECKING:
    from preservation.formats.tool_workers import ToolWorkers


@contextmanager
def opened(here: Shell, *, acts: bool = False, ahead: ToolWorkers | None = None) -> Iterator[Parts]:
    """Open the home; say so if policy files were edited and are not in force.

    Args:
        here: the shell of the command.
        acts: the command records events; they are drained into the journal when it ends, also
            where no Airflow does that every few minutes.
        ahead: as of :func:`open_home`.
    """
    with open_home(here.home, ahead=ahead) as parts:
        if acts:
            parts.expect_today()
        _mention_time(here, parts)
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


def _mention_time(here: Shell, parts: Parts) -> None:
    """A catalogue or a clock of another day: whoever only reads is told."""
    if error := out_of_date(parts.catalogue, parts.journal):
        here.warn(f"{error.message}: {error.hint}")
    if sentence := clock_is_behind(parts.journal, parts.clock):
        here.warn(sentence)


def _mention_edits(here: Shell, parts: Parts) -> None:
    try:
        changed = edited_policies(parts.store, here.policies)
    except UsageError:
        return  # no policy files here: nothing was edited
    if changed:
        files = f"{counted(len(changed), 'edited file')} not in force"
        here.warn(f"{files} ({', '.join(changed)}): run `preserve policy plan`")


def known_tier(parts: Parts, name: str | None, tiers: Collection[str] | None = None) -> str | None:
    """A tier's name as given, if there is one of that name.

    Args:
        tiers: those that there are; without it the ones that policies in force name.

    Raises:
        UsageError: there is none: nothing would be selected, and nothing said (``TIER-UNKNOWN``).
    """
    known = parts.tiers if tiers is None else tiers
    if name is not None and name not in known:
        raise UsageError(
            f"there is no tier {name!r} in this home",
            hint=f"there are {', '.join(known) or 'none'}; a new one counts once a policy that "
            "names it is applied",
            code="TIER-UNKNOWN",
        )
    return name


def known_aip(parts: Parts, name: str | None) -> str | None:
    """A whole UUID from the beginning of one, as ``aip list`` shows it.

    Raises:
        UsageError: no AIP begins so, or several do (``AIP-UNKNOWN``).
    """
    if name is None:
        return None
    aips = parts.catalogue.beginning(name)
    if len(aips) != 1:
        what = "no AIP begins" if not aips else f"{len(aips)} AIPs begin"
        raise UsageError(
            f"{what} with {name!r}", hint="`preserve aip list` shows all", code="AIP-UNKNOWN"
        )
    return aips[0]


def known_community(parts: Parts, name: str | None) -> str | None:
    """A community's name as given, if it has or had a policy, or something is held for it.

    Raises:
        UsageError: there is none: a name that is mistyped must not be told that all is well
            (``POL-NOT-IN-FORCE``).
    """
    if name is None or name in parts.store.in_force():
        return name
    if next(iter(parts.catalogue.versions(name)), None) is None:
        parts.store.governing(name)  # says that there is none
    return name


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


def holding(parts: Parts, community: str | None) -> list[Policy]:
    """The policies of one community, or of all that hold anything: the others have nothing to
    be asked about, and asking a thousand of them takes its time.
    """
    if community is not None:
        return communities(parts, community)
    there = parts.audit.held()
    if not there:
        communities(parts, None)  # says so, where no policy is in force
    lines = parts.store.in_force()
    return [parts.store.policy(lines[name].digest) for name in sorted(lines) if name in there]
