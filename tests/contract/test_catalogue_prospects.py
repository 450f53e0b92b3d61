"""The counts that a plan is made of, on both databases."""

from __future__ import annotations

from catalogues import a_key, check, ingestion, kept, replication

from preservation.catalogue.sql import SqlCatalogue
from preservation.policy.effects import HeldFormat, Kept


def _tiers(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_versions_are_counted_by_where_they_are_and_where_they_are_verified(
    catalogue: SqlCatalogue,
) -> None:
    for number in (1, 2):
        catalogue.record(kept(a_key(number), "vault", "mirror"))
    catalogue.record([*kept(a_key(3), "vault"), replication(a_key(3), "deep")])
    catalogue.record([*kept(a_key(4), "mirror"), check(a_key(4), "mirror", "altered")])
    catalogue.record([ingestion(a_key(5))])
    catalogue.record(kept(a_key(6, community="others"), "vault"))

    found = catalogue.prospects.kept("silk-road", ["deep", "mirror", "vault"])

    assert found == [
        Kept(_tiers(), _tiers(), 1, 1000),
        Kept(_tiers("deep", "vault"), _tiers("vault"), 1, 1000),
        Kept(_tiers("mirror"), _tiers(), 1, 1000),
        Kept(_tiers("mirror", "vault"), _tiers("mirror", "vault"), 2, 2000),
    ]
    assert sum(one.versions for one in catalogue.prospects.kept("silk-road", [])) == 5
    assert catalogue.prospects.kept("nobody", ["vault"]) == []
    assert catalogue.prospects.octets() == {"others": 1000, "silk-road": 5000}


def test_formats_are_counted_by_name_with_the_versions_that_hold_them(
    catalogue: SqlCatalogue,
) -> None:
    for number in (1, 2):
        catalogue.record([ingestion(a_key(number))])

    assert catalogue.prospects.formats("silk-road") == [
        HeldFormat("fmt/18", "application/pdf", "PDF", 6, 2000, 2)
    ]
