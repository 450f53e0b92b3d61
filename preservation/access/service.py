"""Access: setting it, asking it, and giving out in spite of it, each on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from preservation.access.rules import Access, access_of
from preservation.catalogue.custody import AccessState
from preservation.catalogue.custody_reading import Custody
from preservation.catalogue.protocol import Catalogue, VersionRow
from preservation.errors import UsageError
from preservation.model.clock import stamp
from preservation.model.event import EventMaker, EventType
from preservation.policy.policy import Policy


class Books(Catalogue, Protocol):
    """A catalogue that also knows what was said of access."""

    @property
    def custody(self) -> Custody: ...


class AccessService:
    """Says who gets what, and keeps what was decided about it.

    Args:
        governing: the policy that holds for a version's community; None if none can be read.
    """

    def __init__(
        self,
        catalogue: Books,
        events: EventMaker,
        governing: Callable[[VersionRow], Policy | None],
    ) -> None:
        self._catalogue = catalogue
        self._events = events
        self._governing = governing

    def of(self, version: VersionRow) -> Access:
        """How access to a version stands now."""
        policy = self._governing(version)
        said = self._catalogue.custody.access(version.key.community, version.key.aip)
        rule = None if policy is None else policy.access
        return access_of(version, said, rule, self._events.clock.now())

    def set(
        self,
        community: str,
        aip: str,
        version: int,
        state: AccessState,
        until: datetime | None,
        by: str,
        reason: str,
    ) -> None:
        """Say who gets an AIP, or one version of it (``version`` above 0). No bit is touched.

        Raises:
            UsageError: no reason; an end that has passed, or that this state does not have.
        """
        if not reason.strip():
            raise UsageError("a change of access needs a reason", hint="say why with --reason")
        if until is not None and state is not AccessState.EMBARGOED:
            raise UsageError(f"{state.value} has no end", hint="--until goes with embargoed")
        if until is not None and until <= self._events.clock.now():
            raise UsageError(f"{until:%Y-%m-%d} has passed", hint="name a day that is to come")
        if until is None and state is AccessState.EMBARGOED:
            raise UsageError(
                "an embargo has an end", hint="name a day with --until, or say restricted"
            )
        detail = {
            "until": "" if until is None else stamp(until),
            "by": by,
            "reason": reason,
        }
        events = replace(self._events, agent=by)
        event = events.of(community, EventType.ACCESS_CHANGE, state.value, detail)
        self._catalogue.record([replace(event, aip=aip, version=version)])

    def give_out(self, version: VersionRow, by: str, override: str) -> None:
        """Let a version be given out, or refuse it by name.

        Args:
            override: why it is given out in spite of its access; it is recorded first.

        Raises:
            UsageError: ``AIP-NO-ACCESS``.
        """
        access = self.of(version)
        if access.is_open:
            return
        if not override.strip():
            raise UsageError(
                f"{version.key} is not given out: {access.sentence}",
                hint="staff may, with --override and the reason, which is recorded",
                code="AIP-NO-ACCESS",
            )
        detail = {"access": access.state.value, "by": by, "reason": override}
        events = replace(self._events, agent=by)
        self._catalogue.record(
            [events.about(version.key, EventType.DISSEMINATION, "success", detail)]
        )
