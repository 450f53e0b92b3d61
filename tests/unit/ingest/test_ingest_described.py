"""What a community asks deposits to say, and how it asks them to name their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from homes import Archive, codes

from preservation.app.profiles import deposit_profile
from preservation.ingest.described import from_bag_info, from_documents
from preservation.policy.intake import METADATA_ELEMENTS

_ALL = frozenset(METADATA_ELEMENTS)
_DATACITE = {
    "titles": [{"title": "Snow"}],
    "creators": [{"name": "Usmanova, D."}],
    "publisher": "Archive",
    "publicationYear": 2026,
    "rightsList": [{"rightsUri": "https://creativecommons.org/licenses/by/4.0/"}],
    "descriptions": [{"description": "Depths", "descriptionType": "Abstract"}],
    "contributors": [{"contributorType": "ContactPerson", "name": "D"}],
}
_XML = """<?xml version="1.0"?><resource xmlns="http://datacite.org/schema/kernel-4">
<titles><title>Snow</title></titles>
<creators><creator><creatorName>Usmanova, D.</creatorName></creator></creators>
<publisher>Archive</publisher><publicationYear>2026</publicationYear>
<rightsList><rights rightsURI="https://creativecommons.org/licenses/by/4.0/"/></rightsList>
<descriptions><description descriptionType="Abstract">Depths</description></descriptions>
<contributors><contributor contributorType="ContactPerson"/></contributors></resource>"""
_CRATE = {
    "@graph": [
        {"@id": "ro-crate-metadata.json", "about": {"@id": "./"}},
        {
            "@id": "./",
            "name": "Snow",
            "author": [{"@id": "#d"}],
            "publisher": {"@id": "#a"},
            "datePublished": "2026",
            "license": {"@id": "https://creativecommons.org/licenses/by/4.0/"},
            "description": "Depths",
            "contactPoint": {"@id": "#d"},
        },
    ]
}
_BAG_INFO = [
    ("Title", "Snow"),
    ("Author", "Usmanova"),
    ("Source-Organization", "Archive"),
    ("Date", "2026"),
    ("Rights", "CC BY"),
    ("External-Description", "Depths"),
    ("Contact-Email", "d@example.org"),
]


def _asking(root: Path, **intake: Any) -> Archive:
    return Archive(root, {"intake": intake})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"datacite.json", json.dumps(_DATACITE)),
        (b"datacite.json", json.dumps({"data": {"attributes": _DATACITE}})),
        (b"data/datacite.xml", _XML),
        (b"ro-crate-metadata.json", json.dumps(_CRATE)),
    ],
)
def test_each_kind_of_document_can_say_everything(name: bytes, data: str) -> None:
    assert from_documents({name: data.encode()}) == _ALL


def test_bag_info_can_say_everything() -> None:
    assert from_bag_info(_BAG_INFO) == _ALL
    assert from_bag_info([(label, " ") for label, _ in _BAG_INFO]) == frozenset()


@pytest.mark.parametrize(
    "document",
    [
        {"titles": [], "creators": [{}], "publisher": "  ", "publicationYear": None},
        {"titles": [{"title": ""}], "creators": [[]], "rightsList": {"rights": {"a": {"b": []}}}},
        {"titles": True, "contributors": [{"contributorType": "Editor"}], "descriptions": 0.5},
        ["titles"],
    ],
)
def test_empty_words_say_nothing(document: Any) -> None:
    assert from_documents({b"datacite.json": json.dumps(document).encode()}) == frozenset()


def test_a_deposit_that_says_too_little_is_rejected_with_all_that_it_lacks(ground: Path) -> None:
    archive = _asking(
        ground, metadata={"required": ["title", "license"], "bag_info": ["Contact-Name"]}
    )
    some = json.dumps({"titles": [{"title": "Snow"}]}).encode()
    told = archive.ingest(archive.put("a", {"a.txt": b"1", "datacite.json": some}))
    assert told.outcome == "rejected"
    missing = [one.subject for one in told.findings if one.code == "DEP-METADATA-MISSING"]
    assert missing == ["license", "Contact-Name"]
    bag: Mapping[str, bytes] = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": b"contact-name: D\nTitle: Snow\nLicense: CC0\n",
        "manifest-md5.txt": b"c4ca4238a0b923820dcc509a6f75849b  data/a.txt\n",
        "data/a.txt": b"1",
    }
    assert archive.ingest(archive.put("b", bag)).outcome == "accepted"


def test_the_profile_for_depositors_asks_for_the_same_elements(ground: Path) -> None:
    archive = _asking(ground, metadata={"bag_info": ["Contact-Name", "External-Identifier"]})
    with archive.opened() as (_, policy):
        elements = deposit_profile(policy)["Bag-Info"]
    assert elements["Contact-Name"]["required"]
    assert elements["External-Identifier"]["required"]


@pytest.mark.parametrize("name", ["con.txt", "a?b", "end ", "dot.", "a\u202eb", "x" * 241])
def test_names_that_not_every_system_can_hold_are_what_the_policy_says(
    ground: Path, name: str
) -> None:
    for action, outcome in (("accept", "accepted"), ("flag", "accepted"), ("refuse", "rejected")):
        root = ground / action
        root.mkdir()
        archive = _asking(root, names={"portable": action})
        told = archive.ingest(archive.put("a", {name: b"1"}))
        assert told.outcome == outcome
        assert ("DEP-NAME-PORTABLE" in codes(told)) == (action != "accept")


def test_twins_reject_a_deposit_where_names_must_be_portable(ground: Path) -> None:
    archive = _asking(ground, names={"portable": "refuse"})
    told = archive.ingest(archive.put("a", {"Snow.txt": b"1", "snow.txt": b"2"}))
    assert (told.outcome, "DEP-NAME-TWIN" in codes(told)) == ("rejected", True)
