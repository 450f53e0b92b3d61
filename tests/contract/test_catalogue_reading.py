"""Reading: in order, in pages, with every filter; and what adopting sidecars shows."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from catalogues import MINUTE, START, a_key, check, finding, ingestion, kept, replication, sha256

from preservation.catalogue import reading
from preservation.catalogue.protocol import FormatCount, VersionRow
from preservation.catalogue.sql import SqlCatalogue
from preservation.errors import MalformedError
from preservation.model.digest import Algorithm, Digest
from preservation.model.replica import Packaging, ReplicaState, Sidecar, TarFacts, VersionKey


@pytest.fixture
def many(catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch) -> list[VersionKey]:
    """Eleven versions of nine AIPs in two communities, read in pages of four."""
    monkeypatch.setattr(reading, "PAGE", 4)
    keys = [a_key(number, community="field-notes") for number in (5, 3)]
    keys += [a_key(number) for number in range(16, 9, -1)]
    keys += [a_key(12, version=11), a_key(12, version=2)]
    catalogue.record([event for key in keys for event in kept(key, "vault", "deep")])
    return sorted(keys)


def test_versions_come_in_order_whatever_the_pages(
    catalogue: SqlCatalogue, many: list[VersionKey]
) -> None:
    assert [row.key for row in catalogue.versions()] == many
    notes = [key for key in many if key.community == "field-notes"]
    assert [row.key for row in catalogue.versions("field-notes")] == notes
    assert [row.key.version for row in catalogue.versions(aip=a_key(12).aip)] == [1, 2, 11]
    assert list(catalogue.versions("field-notes", a_key(12).aip)) == []
    assert all(len(row.formats) == 1 for row in catalogue.versions())


def test_replicas_come_in_order_whatever_the_pages(
    catalogue: SqlCatalogue, many: list[VersionKey]
) -> None:
    places = [(key, tier) for key in many for tier in ("deep", "vault")]
    assert [(row.key, row.tier) for row in catalogue.replicas()] == places
    assert [row.key for row in catalogue.replicas(tier="vault")] == many
    assert [(row.key.version, row.tier) for row in catalogue.replicas(aip=a_key(12).aip)] == [
        (version, tier) for version in (1, 2, 11) for tier in ("deep", "vault")
    ]
    assert len(list(catalogue.replicas("field-notes", "deep"))) == 2


def test_a_page_is_not_an_offset(catalogue: SqlCatalogue, many: list[VersionKey]) -> None:
    """What is recorded while somebody reads neither repeats nor hides what was there."""
    rows = catalogue.versions("silk-road")
    seen = [next(rows).key]
    catalogue.record(kept(a_key(1), "vault"))
    seen += [row.key for row in rows]
    assert seen == [key for key in many if key.community == "silk-road"]


def test_what_is_not_held_is_none(catalogue: SqlCatalogue) -> None:
    assert catalogue.version(a_key()) is None
    assert catalogue.replica(a_key(), "vault") is None
    assert catalogue.finding(str(uuid4())) is None
    assert catalogue.arrival("nothing") is None
    assert catalogue.held_content("silk-road", sha256("nothing")) is None
    assert list(catalogue.versions()) == catalogue.communities() == catalogue.outbox(9) == []


def test_an_identifier_that_is_none_is_the_callers_to_mend(catalogue: SqlCatalogue) -> None:
    for ask in (catalogue.finding, lambda id: list(catalogue.replicas(aip=id))):
        with pytest.raises(MalformedError):
            ask("'; DROP TABLE finding; --")


def test_held_content_is_the_communitys_own_and_its_first(catalogue: SqlCatalogue) -> None:
    content = str(sha256("same"))
    catalogue.record([ingestion(a_key(1), at=START + MINUTE, content_digest=content)])
    catalogue.record([ingestion(a_key(2), content_digest=content)])
    row = catalogue.held_content("silk-road", sha256("same"))
    assert row is not None
    assert row.key == a_key(2)
    assert catalogue.held_content("field-notes", sha256("same")) is None


def test_a_lineage_finds_its_aips_and_an_empty_one_nothing(catalogue: SqlCatalogue) -> None:
    catalogue.record([ingestion(a_key(1), lineage="doi:10.1/x")])
    catalogue.record([ingestion(a_key(1, version=2), lineage="doi:10.1/x")])
    catalogue.record([ingestion(a_key(2))])
    assert catalogue.lineage("silk-road", "doi:10.1/x") == [a_key(1).aip]
    assert catalogue.lineage("field-notes", "doi:10.1/x") == []
    assert catalogue.lineage("silk-road", "") == []


def test_the_oldest_evidence_comes_first(catalogue: SqlCatalogue) -> None:
    """A replica that was never checked counts from when it was written."""
    day = timedelta(days=1)
    catalogue.record([replication(a_key(1), at=START + 2 * day)])
    catalogue.record([replication(a_key(2), at=START), check(a_key(2), at=START + 3 * day)])
    catalogue.record([replication(a_key(3), at=START), check(a_key(3), at=START + day)])
    catalogue.record([replication(a_key(4), at=START, tier="deep")])
    found = catalogue.figures.oldest("silk-road", "vault", START + 9 * day, 10)
    assert [row.key for row in found] == [a_key(3), a_key(1), a_key(2)]
    due = catalogue.figures.oldest("silk-road", "vault", START + 2 * day, 10)
    assert [row.key for row in due] == [a_key(3)]
    assert len(catalogue.figures.oldest("silk-road", "vault", START + 9 * day, 2)) == 2


def test_findings_are_found_by_what_they_are_about(catalogue: SqlCatalogue) -> None:
    opened = [finding(a_key(1), "deep", START + MINUTE), finding(a_key(1)), finding(a_key(2))]
    catalogue.record(opened)
    assert [row.opened_at for row in catalogue.findings()] == [START, START, START + MINUTE]
    assert len(catalogue.findings(aip=a_key(1).aip)) == 2
    assert [row.tier for row in catalogue.findings(tier="deep", state="open")] == ["deep"]
    assert catalogue.findings("field-notes") == catalogue.findings(state="accepted") == []


def a_sidecar(key: VersionKey, seal: str = "") -> Sidecar:
    tar = TarFacts(Digest(Algorithm.SHA256, b"t" * 32), 4096)
    return Sidecar(key, sha256(seal or f"seal {key}"), None, "1000.3", Packaging.TAR, tar)


def facts(key: VersionKey) -> VersionRow:
    formats = (FormatCount("fmt/18", "application/pdf", "PDF", 3, 1000),)
    return VersionRow(
        key, "Afrasiab", sha256(f"seal {key}"), None, sha256("content"), "", 3, 1000, START,
        "", formats,
    )  # fmt: skip


def test_a_sidecar_is_believed_until_an_event_says_more(catalogue: SqlCatalogue) -> None:
    key = a_key()
    catalogue.adopt_many([(a_sidecar(key), facts(key))], "deep", START)
    row = catalogue.replica(key, "deep")
    assert row is not None
    assert (row.state, row.octets) == (ReplicaState.WRITTEN, 1000)
    assert catalogue.version(key) == facts(key)
    assert catalogue.adopted_versions() == [key]
    assert catalogue.replay(kept(key, "deep")) == 3
    checked = catalogue.replica(key, "deep")
    assert checked is not None
    assert checked.state is ReplicaState.VERIFIED
    assert catalogue.adopted_versions() == catalogue.adopted_replicas() == []
    catalogue.adopt_many([(a_sidecar(key), facts(key))], "deep", START)
    assert catalogue.replica(key, "deep") == checked
    assert catalogue.outbox_size() == 0


def test_the_journal_outranks_a_sidecar(catalogue: SqlCatalogue) -> None:
    key = a_key()
    catalogue.adopt_many([(a_sidecar(key, seal="another"), facts(key))], "deep", START)
    catalogue.replay([ingestion(key, seal=str(sha256("the journal's")))])
    row = catalogue.version(key)
    assert row is not None
    assert row.seal == sha256("the journal's")
    assert catalogue.disagreeing() == [(key, "deep")]


def test_a_replica_whose_bag_tells_nothing_is_an_orphan(catalogue: SqlCatalogue) -> None:
    catalogue.adopt_many([(a_sidecar(a_key()), None)], "deep", START)
    assert catalogue.version(a_key()) is None
    assert catalogue.orphans() == catalogue.adopted_replicas() == [(a_key(), "deep")]


def test_replay_goes_on_past_what_makes_no_sense(catalogue: SqlCatalogue) -> None:
    good = kept(a_key(), "vault")
    senseless = [
        check(a_key(9)),  # of a replica that nobody wrote
        replication(a_key(2), packaging="envelope"),
        ingestion(a_key(1), seal=str(sha256("another"))),
        check(a_key(), tier="NOT A TIER"),
    ]
    assert catalogue.replay([*good, *senseless, good[2]]) == 3
    assert catalogue.replica(a_key(), "vault") is not None
    assert catalogue.version(a_key(2)) is None
