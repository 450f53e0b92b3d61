"""An AIP is found by the beginning of its UUID."""

from __future__ import annotations

import pytest
from catalogues import a_key, kept

from preservation.catalogue.sql import SqlCatalogue


def test_an_aip_is_found_by_the_beginning_of_its_uuid(catalogue: SqlCatalogue) -> None:
    keys = [a_key(number, community=name) for number, name in ((1, "one"), (2, "two"), (3, "two"))]
    for key in (*keys, a_key(1, 2, "one")):
        catalogue.record(kept(key, "vault"))
    aips = sorted(key.aip for key in keys)
    for aip in aips:
        for digits in range(1, len(aip) + 1):
            same = [one for one in aips if one.startswith(aip[:digits])]
            assert catalogue.beginning(aip[:digits]) == same
            assert catalogue.beginning(aip[:digits].upper()) == same


@pytest.mark.parametrize("digits", ["", "-", "x", "0" * 33, "1-2", "\udcff", "٣", "%", "_"])
def test_what_no_uuid_begins_with_finds_none(catalogue: SqlCatalogue, digits: str) -> None:
    catalogue.record(kept(a_key(), "vault"))
    assert catalogue.beginning(digits) == []
