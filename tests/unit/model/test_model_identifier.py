"""Persistent identifiers: every usual spelling is one value, and nothing else is any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preservation.model.identifier import SCHEMES, find_all, parse


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        ("10.57760/scidb.0629", "doi:10.57760/scidb.0629", "doi:10.57760/scidb.0629"),
        ("doi:10.1000/ABC", "doi:10.1000/abc", "doi:10.1000/ABC"),
        ("DOI 10.1000/abc", "doi:10.1000/abc", "doi:10.1000/abc"),
        ("https://doi.org/10.1000/456%23789", "doi:10.1000/456#789", "doi:10.1000/456#789"),
        ("http://dx.doi.org/10.1000/1", "doi:10.1000/1", "doi:10.1000/1"),
        ("http://:doi.org/10.1000/1", "doi:10.1000/1", "doi:10.1000/1"),
        ("doi.org/10.1000/1", "doi:10.1000/1", "doi:10.1000/1"),
        ("info:doi/10.1000/1", "doi:10.1000/1", "doi:10.1000/1"),
        ("hdl:10.1000/1", "doi:10.1000/1", "doi:10.1000/1"),
        ("31253.11.sciencedb.j00001.00123", "cstr:31253.11.sciencedb.j00001.00123",
         "CSTR:31253.11.sciencedb.j00001.00123"),
        ("CSTR:CSTR:31253.11.X", "cstr:31253.11.x", "CSTR:31253.11.X"),
        ("https://cstr.cn/31253.11.X", "cstr:31253.11.x", "CSTR:31253.11.X"),
        ("https://identifiers.org/cstr:32379.14.JEIT250188", "cstr:32379.14.jeit250188",
         "CSTR:32379.14.JEIT250188"),
        ("cstr:A1b2C.36.ChinaXiv1V3", "cstr:a1b2c.36.chinaxiv1v3", "CSTR:A1b2C.36.ChinaXiv1V3"),
        ("ark:/12148/btv1b8449691v/f29", "ark:12148/btv1b8449691v/f29",
         "ark:12148/btv1b8449691v/f29"),
        ("https://n2t.net/ark:/13030/tf5p30-086k", "ark:13030/tf5p30086k", "ark:13030/tf5p30-086k"),
        ("ark:99999/Fk4-X/", "ark:99999/Fk4X", "ark:99999/Fk4-X"),
        ("hdl:20.500.12345/ABC", "handle:20.500.12345/ABC", "hdl:20.500.12345/ABC"),
        ("https://hdl.handle.net/2027/mdp.39", "handle:2027/mdp.39", "hdl:2027/mdp.39"),
        ("local:ЦГА РУз Ф. 1/2", "local:ЦГА РУз Ф. 1/2", "local:ЦГА РУз Ф. 1/2"),
        ("local:doi:10.1000/1", "local:doi:10.1000/1", "local:doi:10.1000/1"),
    ],
)  # fmt: skip
def test_each_spelling_is_one_value(text: str, key: str | None, shown: str | None) -> None:
    found = parse(text)

    assert (found and found.key, found and found.shown) == (key, shown)
    if found:
        assert parse(found.shown) == found


@pytest.mark.parametrize(
    "text",
    ["", "doi:10.1000/\u202elive", "local:a\u200bb",
     "CSTRnull", "CSTR:null", "cstr:31253.11.null", "192.168.11.10", "10.1000/", "doi:",
     "doi:31253.11.x", "cstr:10.1000/1", "ark:/1/x", "ark:12345/", "20.500.12345/abc", "local:",
     "urn:uuid:0", "doi:10.1000/a b", "local:a\nb", "local:" + "x" * 500, "abcde.11.x"],
)  # fmt: skip
def test_what_is_no_identifier_is_none(text: str) -> None:
    assert parse(text) is None


def test_of_several_spellings_of_one_identifier_the_first_is_kept() -> None:
    texts = ["doi:10.1000/A", "https://doi.org/10.1000/a", "nothing", "CSTR:31253.11.A"]

    assert [one.shown for one in find_all(texts)] == ["doi:10.1000/A", "CSTR:31253.11.A"]


@given(st.text(max_size=60), st.sampled_from(["", "doi:10.1000/", "CSTR:31253.11.", "ark:12345/",
                                              "hdl:2027/", "local:"]))  # fmt: skip
def test_any_text_is_read_or_not_and_what_is_shown_reads_the_same(text: str, start: str) -> None:
    found = parse(start + text)

    if found is not None:
        assert found.scheme in SCHEMES
        assert parse(found.shown) == found
