"""Who gets a version out: what was said of it, or of its AIP, or of its community. Pure.

What was said of one version goes before what was said of the AIP, and that before the policy.
An embargo ends by itself: from its day on the policy's state holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from preservation.catalogue.custody import AccessRow, AccessState
from preservation.catalogue.protocol import VersionRow
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.policy.retention import AccessRule


@dataclass(frozen=True, slots=True)
class Access:
    """How access to one version stands.

    Attributes:
        until: when an embargo ends; None for other states, and where no end was said.
        reason: why; empty where the policy alone says it.
        by: who said it; ``policy`` where nobody did.
    """

    state: AccessState
    until: datetime | None
    reason: str
    by: str

    @property
    def is_open(self) -> bool:
        """Whether anybody gets it."""
        return self.state is AccessState.OPEN

    @property
    def sentence(self) -> str:
        """For people: ``embargoed until 2030-01-01 (policy)``."""
        until = f" until {self.until:%Y-%m-%d}" if self.until else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.state.value}{until} ({self.by}){why}"

    def to_json(self) -> dict[str, Any]:
        """As documents show it."""
        return {
            "state": self.state.value,
            "until": None if self.until is None else stamp(self.until),
            "reason": self.reason,
            "by": self.by,
        }


def access_of(
    version: VersionRow, said: Iterable[AccessRow], rule: AccessRule | None, now: datetime
) -> Access:
    """How access to a version stands now.

    Args:
        said: of its AIP and the AIP's versions.
        rule: of its community's policy; None where no policy can be read: then it is restricted.
    """
    by_version = {one.version: one for one in said}
    one = by_version.get(version.key.version) or by_version.get(0)
    if one is not None and not _has_ended(one, now):
        return Access(one.state, one.until, one.reason, one.by)
    if rule is None:
        return Access(AccessState.RESTRICTED, None, "no policy of its community is there", "policy")
    until = None if one is not None else rule.embargoed_until(version.ingested_at)
    if until is not None and now < until:
        return Access(AccessState.EMBARGOED, until, "", "policy")
    return Access(AccessState.OPEN if rule.is_open else AccessState.RESTRICTED, None, "", "policy")


def _has_ended(one: AccessRow, now: datetime) -> bool:
    embargoed = one.state is AccessState.EMBARGOED
    return embargoed and one.until is not None and now >= one.until
