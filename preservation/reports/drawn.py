"""What was drawn by lot in a report's time, and what each drawing says about all replicas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from preservation.model.event import Event, EventType
from preservation.model.outcome import Outcome
from preservation.model.sampling import Drawing, Sample
from preservation.policy.policy import Policy
from preservation.reports.rows import StatementLine

_DAMAGE = {outcome.value for outcome in Outcome if outcome.is_damage}
_Lot = tuple[str, str, Drawing]  # tier, who drew, which


class Drawn:
    """Sees the checks pass, and keeps those of replicas that were drawn by lot.

    What a policy draws in one run is one drawing, and by hand on one day: each replica of it counts
    once, and all of them are as if drawn at once. What somebody aims is a drawing each time.
    """

    def __init__(self) -> None:
        self._found: dict[_Lot, dict[tuple[str, int], bool]] = {}
        self._ended: dict[_Lot, datetime] = {}

    def see(self, event: Event) -> None:
        """Note a check, if it was one of a sample."""
        drawn = Drawing.from_json(event.detail)
        if event.type is not EventType.FIXITY_CHECK or drawn is None:
            return
        drawing = event.tier, event.agent, drawn
        found, place = self._found.setdefault(drawing, {}), (event.aip, event.version)
        found[place] = found.get(place, False) or event.outcome in _DAMAGE
        self._ended[drawing] = max(event.at, self._ended.get(drawing, event.at))

    def lines(self, policy: Policy) -> Iterator[StatementLine]:
        """What each drawing says, the last one first; that none was read, where the policy wants
        some.
        """
        for drawing in sorted(self._found, key=self._ended.__getitem__, reverse=True):
            tier, _, drawn = drawing
            found = self._found[drawing].values()
            sample = Sample(tier, max(drawn.of, len(found)), len(found), sum(found))
            yield StatementLine("sample", f"{sample} ({self._ended[drawing]:%Y-%m-%d}).")
        seen = {tier for tier, _, _ in self._found}
        for tier, rule in policy.audit.tiers.items():
            if rule.sample and tier not in seen:
                yield StatementLine("sample", f"{tier}: no sample was read in this run.")
