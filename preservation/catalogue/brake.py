"""The brake: where an audit found more damage than chance allows, repair waits for a person.

A wrong manifest, a bug of ours, or an empty mount look like mass corruption; a repair that
believed it would rewrite a whole tier. So the audit opens one finding, ``AUD-BRAKE``, for the
community on the tier. While it is open:

* automatic repair of that community's replicas on that tier does not begin; whoever repairs asks
  :func:`brake` first, and answers "waiting" with the finding's message and id;
* a repair that a person approved by name (``approved_by``) may go on: a person has looked;
* accepting the finding (``preserve finding accept``, or an answer in Airflow) lifts the brake until
  all of the tier was read since: the loss of a site, which comes to light over many nights, is
  asked about once;
* it is resolved by the audit as soon as nothing on the tier is damaged any more.
"""

from __future__ import annotations

from typing import Protocol

from preservation.catalogue.protocol import FindingRow

BRAKE = "AUD-BRAKE"


class Findings(Protocol):
    """What is asked of a catalogue."""

    def findings(
        self,
        community: str | None = None,
        state: str | None = None,
        aip: str | None = None,
        tier: str | None = None,
        code: str | None = None,
    ) -> list[FindingRow]: ...


def brake(catalogue: Findings, community: str, tier: str) -> FindingRow | None:
    """The brake on a community's automatic repair on a tier; None if there is none.

    For the repair service: ask before anything is written, under the replica's lease.
    """
    rows = catalogue.findings(community, state="open", tier=tier, code=BRAKE)
    return next(iter(rows), None)


def brakes(catalogue: Findings, community: str) -> list[FindingRow]:
    """The brakes of a community on all tiers."""
    return catalogue.findings(community, state="open", code=BRAKE)


def braked(catalogue: Findings, community: str) -> frozenset[str]:
    """All tiers with a brake."""
    return frozenset(row.tier for row in brakes(catalogue, community))
