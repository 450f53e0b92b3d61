"""A tier that policy files declare at another place: it has to be there already, replicas and all.

Otherwise putting the files in force would make an empty tier under its name, and the next audit
would miss every replica at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from preservation.app.home import Home
from preservation.app.places import SOURCE, environment, former_specs, specs_of
from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import TierUnavailableError, UsageError
from preservation.ledger.policies import PolicyFiles
from preservation.policy.policy import TierSpec
from preservation.storage.open import Surroundings, open_tier

_NOT_THERE = ("TIER-NO-MARKER", "TIER-WRONG-MARKER")  # the place was asked, and said so


def expect_same_tiers(
    home: Home, store: PolicyFiles, proposed: Mapping[str, TierSpec], catalogue: SqlCatalogue
) -> None:
    """Refuse tiers that keep replicas and are declared where no such tier is.

    Raises:
        UsageError: one is (``POL-TIER-ELSEWHERE``).
        TierUnavailableError: the place does not tell (``POL-TIER-SILENT``).
    """
    around = Surroundings(credentials=environment())
    known = specs_of(store)
    if not proposed.keys() <= known.keys():
        known = {**former_specs(store), **known}
    for name, before in known.items():
        spec = proposed.get(name)
        if spec is None or SOURCE in (spec.kind, before.kind):
            continue
        if spec.address == before.address or not _keeps(catalogue, store, name):
            continue
        try:
            open_tier(spec, home.path, around).check()
        except TierUnavailableError as error:
            if error.code not in _NOT_THERE:
                raise TierUnavailableError(
                    f"the tier {name} keeps replicas and is declared at another place, which does "
                    f"not tell whether it is there: {error.message}",
                    hint=f"{error.hint}; nothing was put in force",
                    code="POL-TIER-SILENT",
                ) from error
            raise UsageError(
                f"the tier {name} keeps replicas and is declared at another place, where it is "
                f"not: {error}",
                hint="copy the tier there first, whole, with its marker; or declare the new place "
                "as a tier of another id",
                code="POL-TIER-ELSEWHERE",
            ) from error


def _keeps(catalogue: SqlCatalogue, store: PolicyFiles, tier: str) -> bool:
    return any(
        tier in kept.there
        for community in store.in_force()
        for kept in catalogue.prospects.kept(community, [tier])
    )
