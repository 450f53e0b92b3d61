"""Identifiers of deposits: read from their documents, asked for by policy, one AIP each."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from homes import COMMUNITY, Archive, codes

from preservation.app.upkeep import check_catalogue, rebuild_catalogue
from preservation.catalogue.protocol import IdentifierRow
from preservation.cli.main import call
from preservation.ingest.identifiers import from_bag_info, from_documents, unread

DOI, CSTR = "doi:10.1000/A", "CSTR:31253.11.a"
XML = """<?xml version="1.0"?>
<resource xmlns="http://datacite.org/schema/kernel-4">
  <identifier identifierType="DOI">10.1000/A</identifier>
  <alternateIdentifiers><alternateIdentifier alternateIdentifierType="CSTR">31253.11.a
  </alternateIdentifier></alternateIdentifiers>
  <relatedIdentifiers><relatedIdentifier relatedIdentifierType="DOI">10.1000/other
  </relatedIdentifier></relatedIdentifiers>
</resource>"""
BOMB = (
    '<!DOCTYPE a [<!ENTITY x "10.1000/A">]>'
    '<resource><identifier identifierType="DOI">&x;</identifier></resource>'
)
CRATE = {
    "@graph": [
        {"@id": "ro-crate-metadata.json", "about": {"@id": "./"}},
        {"@id": "./", "identifier": ["https://doi.org/10.1000/A", {"@id": "#c"}]},
        {"@id": "#c", "propertyID": "https://registry.identifiers.org/registry/cstr",
         "value": "31253.11.a"},
        {"@id": "other", "identifier": "doi:10.1000/other"},
    ]
}  # fmt: skip
DATACITE = {
    "data": {
        "attributes": {
            "doi": "10.1000/A",
            "alternateIdentifiers": [
                {"alternateIdentifier": "31253.11.a", "alternateIdentifierType": "CSTR"}
            ],
            "relatedIdentifiers": [{"relatedIdentifier": "10.1000/other"}],
        }
    }
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"datacite.json", json.dumps(DATACITE)),
        (b"datacite.xml", XML),
        (b"data/ro-crate-metadata.json", json.dumps(CRATE)),
    ],
)
def test_what_the_data_set_itself_is_called_is_read(name: bytes, data: str) -> None:
    assert [one.shown for one in from_documents({name: data.encode()})] == [DOI, CSTR]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("datacite.xml", BOMB),
        ("datacite.xml", "<a>" * 100_000),
        ("datacite.xml", "no XML"),
        ("datacite.xml", "<resource/>" + " " * (5 << 20)),
        ("datacite.json", "[" * 100_000),
        ("datacite.json", '{"doi": 5, "identifiers": 7, "alternateIdentifiers": [[], {}]}'),
        ("ro-crate-metadata.json", '{"@graph": {"@id": 1}}'),
        ("ro-crate-metadata.json", '{"@graph": [{"@id": "./", "identifier": {"@id": []}}, 3]}'),
        ("other.json", '{"doi": "10.1000/A"}'),
    ],
)
def test_what_is_no_such_document_says_nothing(name: str, data: str) -> None:
    assert from_documents({name.encode(): data.encode()}) == []


def test_labels_of_bag_info_that_name_the_bag_count() -> None:
    info = [("External-Identifier", "urn:uuid:0"), ("EXTERNAL-IDENTIFIER", "10.1000/A"),
            ("Internal-Sender-Identifier", "local:7"), ("Contact-Name", CSTR)]  # fmt: skip

    assert [one.shown for one in from_bag_info(info)] == [DOI, "local:7"]


def _identifiers(archive: Archive) -> list[IdentifierRow]:
    with archive.opened() as (parts, _):
        return parts.catalogue.identifiers(COMMUNITY)


def _deposit(archive: Archive, name: str, **document: Any) -> Any:
    text = json.dumps(document).encode()
    return archive.ingest(archive.put(name, {"datacite.json": text, "a.txt": name.encode()}))


def test_a_deposit_without_a_required_identifier_is_rejected(ground: Any) -> None:
    rules = {"required": ["doi", "cstr"], "status": "reserved"}
    archive = Archive(ground, {"intake": {"identifiers": rules}})

    refused = _deposit(archive, "one", doi="10.1000/A")
    assert (refused.outcome, codes(refused)) == ("rejected", {"DEP-IDENTIFIER-MISSING"})
    accepted = _deposit(
        archive, "two", doi="10.1000/A", identifiers=[{"identifier": CSTR, "identifierType": ""}]
    )
    assert (accepted.outcome, accepted.identifiers) == ("accepted", (DOI, CSTR))
    assert [(row.identifier.shown, row.status.value) for row in _identifiers(archive)] == [
        (CSTR, "reserved"),
        (DOI, "reserved"),
    ]


def test_an_identifier_belongs_to_one_aip(ground: Any) -> None:
    archive = Archive(ground, {"intake": {"lineage": []}})

    first = _deposit(archive, "one", doi="10.1000/A")
    again = _deposit(archive, "copy", doi="10.1000/a", n=1)
    same = archive.ingest(
        archive.put(
            "same", {path.name: path.read_bytes() for path in (archive.inbox / "one").iterdir()}
        )
    )

    assert (again.outcome, codes(again)) == ("rejected", {"DEP-IDENTIFIER-TAKEN"})
    assert same.outcome == "held already"
    assert [row.aip for row in _identifiers(archive)] == [first.aip]


def test_a_status_is_set_by_a_command_and_outlives_the_catalogue(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = _deposit(archive, "one", doi="10.1000/A"), _deposit(archive, "two", n=2)
    where = ["--home", str(archive.home), "--policies", str(archive.policies), "identifier"]
    assign = [*where, "assign", "--reason", "the registry said so"]

    assert call([*assign, one.aip, DOI, "--status", "withdrawn"]) == 0
    assert call([*assign, two.aip, "ark:/12345/x-1", "--status", "reserved"]) == 0
    assert call([*assign, two.aip, DOI]) == 2
    assert call([*assign, two.aip, "nothing"]) == 2
    capsys.readouterr()
    assert call([*where, "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["identifiers"]
    assert [(row["shown"], row["status"], row["aip"]) for row in listed] == [
        ("ark:12345/x-1", "reserved", two.aip),
        (DOI, "withdrawn", one.aip),
    ]

    before = _identifiers(archive)
    rebuild_catalogue(archive.home)
    assert _identifiers(archive) == before
    assert check_catalogue(archive.home)[1] == []


def test_an_identifier_that_no_event_tells_of_is_read_from_the_bag(archive: Archive) -> None:
    made = _deposit(archive, "one", doi="10.1000/A")
    with archive.opened() as (parts, _):
        assert parts.catalogue.outbox_size()

    rebuild_catalogue(archive.home)

    (row,) = _identifiers(archive)
    assert (row.identifier.shown, row.aip, row.adopted) == (DOI, made.aip, True)


def test_the_documents_of_a_bag_are_read_beside_its_bag_info(archive: Archive) -> None:
    payload = b"content"
    manifest = f"{hashlib.sha256(payload).hexdigest()}  data/a.txt\n".encode()
    bag = archive.put(
        "bag",
        {
            "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": b"External-Identifier: doi:10.1000/A\n",
            "manifest-sha256.txt": manifest,
            "data/a.txt": payload,
            "metadata/datacite.xml": XML.encode(),
        },
    )

    assert archive.ingest(bag).identifiers == (DOI, CSTR)


def typed(value: str, kind: str) -> bytes:
    """A DataCite document with one identifier."""
    return json.dumps({"identifiers": [{"identifier": value, "identifierType": kind}]}).encode()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (b"datacite.json", b'{"doi": "10.1000/A"', "no JSON"),
        (b"data/datacite.xml", b"<resource>", "no XML"),
        (b"datacite.xml", BOMB.encode(), "no XML"),
        (b"datacite.json", b'{"doi": "A/10.1000"}', "A/10.1000 is no doi"),
        (b"datacite.json", typed("x", "CSTR"), "no cstr"),
    ],
)
def test_what_cannot_be_read_as_an_identifier_is_warned_of(name, data, said):
    (finding,) = unread({name: data})
    assert (finding.code, finding.severity.value) == ("DEP-IDENTIFIER-UNREAD", "warning")
    assert said in finding.message


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"datacite.json", json.dumps(DATACITE).encode()),
        (b"datacite.json", b'{"doi": ":tba"}'),
        (b"datacite.json", typed("", "DOI")),
        (b"datacite.json", typed("7 b", "shelf")),
        (b"datacite.xml", XML.encode()),
        (b"ro-crate-metadata.json", json.dumps(CRATE).encode()),
        (b"datacite.json", b""),
        (b"other.json", b"{"),
    ],
)
def test_what_is_read_or_says_nothing_of_an_identifier_is_not(name, data):
    assert list(unread({name: data})) == []


def test_a_deposit_with_an_unreadable_identifier_is_taken_in_with_a_warning(
    archive: Archive,
) -> None:
    result = archive.ingest(archive.put("one", {"datacite.json": b"{", "a.txt": b"a"}))
    assert (result.outcome, codes(result) >= {"DEP-IDENTIFIER-UNREAD"}) == ("accepted", True)
