"""What was drawn by lot in a report's time, and what each drawing says about all replicas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from preservation.model.event import Event, EventType
from preservation.model.outcome import Outcome
from preservation.model.sampling import Sample
from preservation.policy.policy import Policy
from preservation.reports.rows import StatementLine

_DAMAGE = {outcome.value for outcome in Outcome if outcome.is_damage}
_Drawing = tuple[str, str, int]  # tier, who drew, of how many


class Drawn:
    """Sees the checks pass, and keeps those of replicas that were drawn by lot.

    Checks of one run are one drawing. What somebody draws by hand several times on one day has one
    name: each replica of it counts once, and all of them are as if drawn at once.
    """

    def __init__(self) -> None:
        self._found: dict[_Drawing, dict[tuple[str, int], bool]] = {}
        self._ended: dict[_Drawing, datetime] = {}

    def see(self, event: Event) -> None:
        """Note a check, if it was one of a sample."""
        of = event.detail.get("drawn_from")
        if event.type is not EventType.FIXITY_CHECK or not isinstance(of, int) or of < 1:
            return
        drawing = event.tier, event.agent, of
        found, place = self._found.setdefault(drawing, {}), (event.aip, event.version)
        found[place] = found.get(place, False) or event.outcome in _DAMAGE
        self._ended[drawing] = max(event.at, self._ended.get(drawing, event.at))

    def lines(self, policy: Policy) -> Iterator[StatementLine]:
        """What each drawing says, the last one first; that none was read, where the policy wants
        some.
        """
        for drawing in sorted(self._found, key=self._ended.__getitem__, reverse=True):
            tier, _, of = drawing
            found = self._found[drawing].values()
            sample = Sample(tier, max(of, len(found)), len(found), sum(found))
            yield StatementLine("sample", f"{sample} ({self._ended[drawing]:%Y-%m-%d}).")
        drawn = {tier for tier, _, _ in self._found}
        for tier, rule in policy.audit.tiers.items():
            if rule.sample and tier not in drawn:
                yield StatementLine("sample", f"{tier}: no sample was read in this run.")
