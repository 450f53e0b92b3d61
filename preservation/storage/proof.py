"""What was tried out about a tier, and what came of it."""

from __future__ import annotations

from typing import Any

from preservation.model.deferred import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was tried.

    Attributes:
        what: it does that, in words that go on from "it".
        holds: None where it could not be tried, or is not asked of this kind of tier.
        needed: without it the tier cannot be used; the others are told, and worked around.
    """

    what: str
    holds: bool | None
    detail: str = ""
    needed: bool = True

    def to_json(self) -> dict[str, Any]:
        """One row of ``samarkand.tier-check/1``."""
        return {
            "what": self.what,
            "holds": self.holds,
            "detail": self.detail,
            "needed": self.needed,
        }
