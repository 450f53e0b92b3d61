"""Whether what was promised is true now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from preservation.catalogue.promises import Standing
from preservation.catalogue.sql import SqlCatalogue
from preservation.catalogue.standing import standing
from preservation.ledger.policies import PolicyFiles
from preservation.model.clock import Clock
from preservation.policy.policy import Policy


class StandingService:
    """Asks a catalogue.

    Args:
        observe: each tier's failure domain as it is now; a tier that is away is not in it.
    """

    def __init__(
        self,
        catalogue: SqlCatalogue,
        store: PolicyFiles,
        clock: Clock,
        observe: Callable[[], Mapping[str, str]],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._observe = observe

    def __call__(self, policy: Policy, observed: Mapping[str, str] | None = None) -> Standing:
        """Whether everything promised to a community is true now.

        Args:
            observed: what was observed already, where several communities are asked about.
        """
        seen = self._observe() if observed is None else observed
        past = partial(self._store.past, policy)
        return standing(self._catalogue, policy, seen, self._clock.now(), past)
