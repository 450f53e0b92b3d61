"""A new catalogue takes the place of one that ended, and of none that goes on."""

from __future__ import annotations

import pytest
from catalogues import a_key, kept

from preservation.catalogue import aside
from preservation.catalogue.sql import SqlCatalogue, open_catalogue
from preservation.errors import BusyError


def test_a_catalogue_that_goes_on_is_not_replaced(
    catalogue: SqlCatalogue, catalogue_url: str
) -> None:
    catalogue.record(kept(a_key(1), "vault"))
    last = aside.newest(catalogue_url)
    new = aside.begin(catalogue_url)
    catalogue.record(kept(a_key(2), "vault"))
    with pytest.raises(BusyError) as caught:
        aside.take_over(new, catalogue_url, last)
    assert caught.value.code == "CAT-GOES-ON"
    assert len(list(catalogue.versions())) == 2
    catalogue.record(kept(a_key(3), "vault"))
    last = aside.newest(catalogue_url)
    aside.take_over(aside.begin(catalogue_url), catalogue_url, last)
    anew = open_catalogue(catalogue_url)
    assert list(anew.versions()) == []
    anew.close()


def test_a_drain_is_no_end_of_events(catalogue: SqlCatalogue, catalogue_url: str) -> None:
    last = aside.newest(catalogue_url)
    events = kept(a_key(1), "vault")
    catalogue.record(events)
    catalogue.drained([one.id for one in events])
    assert last == 0
    assert aside.newest(catalogue_url) != last
