"""The score of a drill: which harm was found, and healed, on which tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """One harm on one tier.

    Attributes:
        outcome: of the check that should find it; ``intact`` if it was missed.
        healed: the replica reads back intact after the repair.
    """

    tier: str
    harm: str
    outcome: str
    healed: bool

    @property
    def found(self) -> bool:
        """Whether the audit said that something is wrong."""
        return self.outcome in ("altered", "missing", "unreadable")


@dataclass(frozen=True, slots=True)
class Score:
    """What a drill came to.

    Attributes:
        false_alarms: replicas that nobody harmed, called damaged.
    """

    trials: tuple[Trial, ...]
    false_alarms: int

    @property
    def found(self) -> int:
        """How many harms were found."""
        return sum(trial.found for trial in self.trials)

    @property
    def healed(self) -> int:
        """How many harms were found and healed."""
        return sum(trial.found and trial.healed for trial in self.trials)

    @property
    def passed(self) -> bool:
        """Whether all of it was found and healed, and nothing else was called damaged."""
        return bool(self.trials) and self.healed == len(self.trials) and not self.false_alarms

    @property
    def sentence(self) -> str:
        """For people, one line."""
        text = f"{self.found} of {len(self.trials)} harms found, {self.healed} healed"
        return text + (f", {self.false_alarms} false alarms" if self.false_alarms else "")

    def missed(self) -> list[str]:
        """What was not found, or not healed, in words."""
        return [
            f"{trial.harm} on {trial.tier}: {'not healed' if trial.found else 'not found'}"
            for trial in self.trials
            if not (trial.found and trial.healed)
        ]

    def to_json(self) -> dict[str, Any]:
        """As the event and the command's document carry it."""
        by_tier: dict[str, dict[str, str]] = {}
        for trial in self.trials:
            said = "healed" if trial.healed else "not healed"
            by_tier.setdefault(trial.tier, {})[trial.harm] = said if trial.found else "not found"
        return {
            "trials": len(self.trials),
            "found": self.found,
            "healed": self.healed,
            "false_alarms": self.false_alarms,
            "by_tier": by_tier,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Score:
        """Read what :meth:`to_json` gave, as far as it says."""
        words = {"healed": ("altered", True), "not healed": ("altered", False)}
        trials = tuple(
            Trial(tier, harm, *words.get(said, ("intact", False)))
            for tier, harms in sorted(data["by_tier"].items())
            for harm, said in sorted(harms.items())
        )
        return cls(trials, int(data["false_alarms"]))
