"""A plan: what `policy apply` would change, and what that does to what is held.

The document is kept as evidence with the amendment that follows it (``docs/formats/policies.md``).
A plan is *stale* when it would not be made like this any more: other policies are in force, the
files say something else, or one of its burdens (``Effects.burdens``) has grown by more than a
twentieth because of what came in meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from preservation.errors import MalformedError
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.policy.compare import Change
from preservation.policy.effects import Effects

SCHEMA = "samarkand.policy-plan/1"
_TOLERATED = 20  # one part in so many


@dataclass(frozen=True, slots=True)
class Proposal:
    """One community's part of a plan.

    Attributes:
        title: its name in English, for people.
        digest: of the proposed policy.
        previous: of the one in force, or paused; None if none is.
        resumes: it was paused.
        changes: promise by promise.
        aips, versions, octets: what is held now.
    """

    community: str
    title: str
    digest: Digest
    previous: Digest | None
    changes: tuple[Change, ...]
    aips: int
    versions: int
    octets: int
    effects: Effects
    resumes: bool = False

    @property
    def weakening(self) -> tuple[Change, ...]:
        """The changes that take something from what was promised."""
        return tuple(change for change in self.changes if change.weakening)

    def to_json(self) -> dict[str, Any]:
        """As the plan's document shows it."""
        return {
            "digest": str(self.digest),
            "previous": None if self.previous is None else str(self.previous),
            "resumes": self.resumes,
            "changes": [change.to_json() for change in self.changes],
            "held": {"aips": self.aips, "versions": self.versions, "bytes": self.octets},
            "effects": self.effects.to_json(),
            "burdens": self.effects.burdens(),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What the policy files would change.

    Attributes:
        in_force: community -> digest of everything that is in force now and not paused.
        pausing: communities that have no file any more: nothing will be done for them by itself.
    """

    at: datetime
    in_force: Mapping[str, Digest]
    proposals: tuple[Proposal, ...]
    pausing: tuple[str, ...]

    @property
    def weakening(self) -> list[str]:
        """``community: field`` of each change that takes something away."""
        return [
            f"{one.community}: {change.path}" for one in self.proposals for change in one.weakening
        ] + [f"{community}: paused" for community in self.pausing]

    def to_json(self) -> dict[str, Any]:
        """The document: canonical JSON can hold it."""
        return {
            "schema": SCHEMA,
            "at": stamp(self.at),
            "in_force": {name: str(digest) for name, digest in self.in_force.items()},
            "communities": {one.community: one.to_json() for one in self.proposals},
            "pausing": list(self.pausing),
        }

    def outdates(self, earlier: Any) -> list[str]:
        """Why an earlier plan's document is stale, now that this plan was made; empty if not.

        Raises:
            MalformedError: it is no plan.
        """
        now = self.to_json()
        try:
            if earlier["schema"] != SCHEMA:
                raise MalformedError(
                    f"not a plan: {earlier['schema']!r}", hint=f"it is no {SCHEMA}"
                )
            if earlier["in_force"] != now["in_force"]:
                return ["other policies are in force now"]
            then, here = earlier["communities"], now["communities"]
            if earlier["pausing"] != now["pausing"] or {
                name: one["digest"] for name, one in then.items()
            } != {name: one["digest"] for name, one in here.items()}:
                return ["the policy files say something else now"]
            return [
                told
                for name in here
                for told in _grown(name, then[name]["burdens"], here[name]["burdens"])
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise MalformedError(
                f"not a plan: {type(error).__name__}: {error}",
                hint="give the file that `preserve policy plan --json` wrote",
            ) from error


def _grown(name: str, then: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    for what, number in now.items():
        before = int(then.get(what, 0))
        if number > before + before // _TOLERATED:
            yield f"{name}: {what}: {number:,} now, {before:,} when it was made"
