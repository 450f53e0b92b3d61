"""What retention needs of the catalogue: all of it, and what it knows of how keeping ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from preservation.catalogue.checked import Check
from preservation.catalogue.custody_reading import Custody
from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue, Lease
from preservation.ledger.protocol import Journal
from preservation.model.deferred import dataclass
from preservation.model.event import EventMaker
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy
from preservation.storage.tier import Tier


class Books(Catalogue, Protocol):
    """A catalogue that also answers what is due, held and disposed of."""

    @property
    def custody(self) -> Custody: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What retention works with.

    Attributes:
        tiers: every tier that a policy in force names, or ever named.
        check: reads a replica back, and records what it found.
        governing: the policy in force of a community.
        observed: tier -> failure domain, of the tiers that can be looked at now.
        clear_home: takes away what the home itself keeps of a version beside the tiers.
        make_durable: returns when every event recorded so far is in the journal.
        salvage: where repair keeps what it put together and no tier could take.
    """

    catalogue: Books
    journal: Journal
    events: EventMaker
    tiers: Callable[[], Mapping[str, Tier]]
    check: Check
    governing: Callable[[str], Policy]
    observed: Callable[[], Mapping[str, str]]
    clear_home: Callable[[VersionKey], None]
    make_durable: Callable[[], None]
    salvage: Path


@contextmanager
def leases(
    means: Means, key: VersionKey, tiers: Iterable[str]
) -> Iterator[dict[str, Lease] | None]:
    """The leases on a version's replicas on these tiers; None if another run has one of them."""
    taken: dict[str, Lease] = {}
    with ExitStack() as stack:
        for tier in sorted(set(tiers)):
            name = f"replica:{key}:{tier}"
            lease = stack.enter_context(hold(means.catalogue, name, means.events.clock))
            if lease is None:
                break
            taken[tier] = lease
        else:
            yield taken
            return
        stack.close()
        yield None
