"""A tar that one object can't hold: parts of one size that ``cat`` joins, read as one stream."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from buckets import KEYS, SERVERS, Server, serving
from tiers import BAD, GOOD, KEY, contents, sidecar, stream

from preservation.audit.seen import There, reach
from preservation.catalogue.protocol import ReplicaRow
from preservation.errors import NoSpaceError, TierUnavailableError
from preservation.model.replica import Packaging, ReplicaState, Sidecar
from preservation.repair.difference import difference_map
from preservation.replication.odd import Odd, of_version
from preservation.storage.listing import versions
from preservation.storage.s3 import upload
from preservation.storage.s3.address import Address
from preservation.storage.s3.named import part_name
from preservation.storage.s3.opening import open_s3_tier
from preservation.storage.s3.parts import Sending, number_of
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.stream import ObjectStream
from preservation.storage.s3.tier import S3Tier, make_s3_tier
from preservation.storage.s3.upload import (
    LARGEST,
    MOST_PARTS,
    OtherOctetsError,
    Upload,
    part_size,
)
from preservation.storage.tier import WITHOUT_END, LargerError

TAR = Packaging.TAR
LIMIT = 3000
WHOLE = b"".join(stream(GOOD))
COUNT = -(-len(WHOLE) // LIMIT)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as running:
        yield running


@pytest.fixture
def tier(server: Server) -> S3Tier:
    spec = replace(server.spec("bucket", f"p-{uuid.uuid4().hex[:12]}"), object_limit=LIMIT)
    make_s3_tier(spec, KEYS)
    return open_s3_tier(spec, KEYS)


def commit(tier: S3Tier, files: dict[bytes, bytes] = GOOD) -> None:
    incoming = tier.incoming(KEY, TAR, len(WHOLE))
    try:
        incoming.write(stream(files))
        incoming.commit(sidecar(TAR, files))
    finally:
        incoming.discard()


def parts(tier: S3Tier, name: str = "v1.tar") -> list[bytes]:
    """The octets of each part, as anybody reads them."""
    place = tier._place
    listed = [one.name for one in place.list(f"{KEY.folder}/{name}.")]
    return [place.get(one) or b"" for one in listed]


def row() -> ReplicaRow:
    """What the catalogue knows of the replica."""
    return ReplicaRow(
        KEY, "bucket", TAR, ReplicaState.VERIFIED, sidecar(TAR).seal, sidecar(TAR).tar, 3000,
        datetime(2030, 1, 1, tzinfo=UTC), None, None, None, None,
    )  # fmt: skip


def odd(tier: S3Tier) -> set[str]:
    """What a reconcile would tell."""
    (lying,) = tier.lying(KEY.community, KEY.aip)
    there, strange = versions(lying)
    assert not strange
    found: list[Odd] = list(of_version(tier, lying.folder, there[1], row()))
    return {f"{one.code} {one.name.rpartition('/')[2]}" for one in found}


def test_parts_are_of_one_size_and_cat_joins_them(tier: S3Tier) -> None:
    commit(tier)
    found = parts(tier)
    assert [len(one) for one in found[:-1]] == [LIMIT] * (COUNT - 1)
    assert b"".join(found) == WHOLE
    said = tier.sidecar(KEY)
    assert said is not None
    assert (said.tar, said.part_octets) == (sidecar(TAR).tar, LIMIT)
    assert Sidecar.decode(said.encode()) == said
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert tier.exists(KEY, TAR)
    assert list(tier.sidecars()) == [said]
    assert odd(tier) == set()


@pytest.mark.parametrize("at", [0, LIMIT - 1, LIMIT, 2 * LIMIT - 7, len(WHOLE) - 3])
def test_any_range_can_be_read_over_the_edges_of_parts(tier: S3Tier, at: int) -> None:
    commit(tier)
    octets = min(LIMIT + 9, len(WHOLE) - at)
    held = tier.held(KEY, TAR)
    with held.at(at, octets) as opened:
        assert opened.read(octets) == WHOLE[at : at + octets]


def test_a_writer_goes_on_from_the_parts_of_one_that_was_stopped(
    tier: S3Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut() -> Iterator[bytes]:
        yield WHOLE[: 2 * LIMIT + 1]
        raise TierUnavailableError("the network is gone")

    incoming = tier.incoming(KEY, TAR, len(WHOLE))
    with pytest.raises(TierUnavailableError):
        incoming.write(cut())
    incoming.discard()
    assert [len(one) for one in parts(tier)] == [LIMIT] * 2
    assert odd(tier) == {"TIER-NO-SIDECAR v1.tar"}  # octets without a sidecar: no replica
    sent: list[str] = []
    write = Upload.write
    monkeypatch.setattr(
        Upload, "write", lambda self, chunks: (sent.append(self._name), write(self, chunks))[1]
    )
    commit(tier)
    assert [number_of(KEY.place(TAR), name) for name in sent] == [*range(3, COUNT + 1)]
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert odd(tier) == set()


def test_a_source_that_fails_leaves_no_part(tier: S3Tier) -> None:
    def failing() -> Iterator[bytes]:
        yield WHOLE[: 2 * LIMIT + 1]
        raise ValueError("the source lies")

    incoming = tier.incoming(KEY, TAR, len(WHOLE))
    with pytest.raises(ValueError, match="lies"):
        incoming.write(failing())
    incoming.discard()
    assert parts(tier) == []


def test_leftovers_of_another_size_are_left_alone_and_told(tier: S3Tier) -> None:
    place = tier._place
    place.create(part_name(KEY.place(TAR), 1), b"x" * 10)
    place.create(part_name(KEY.place(TAR), 2), b"x" * 10)
    commit(tier)
    said = tier.sidecar(KEY)
    assert said is not None
    assert said.object == "v1.r1.tar"
    assert b"".join(parts(tier, "v1.r1.tar")) == WHOLE
    assert parts(tier) == [b"x" * 10] * 2
    assert odd(tier) == {"TIER-HALF-WRITTEN v1.tar.*"}


def test_a_shorter_part_that_was_cut_otherwise_never_becomes_part_of_a_replica(
    tier: S3Tier,
) -> None:
    tier._place.create(part_name(KEY.place(TAR), 1), WHOLE[: LIMIT - 9])
    with suppress(OtherOctetsError):  # a service that ignores conditions replaces it at once
        commit(tier)
    if tier.sidecar(KEY) is None:
        assert parts(tier) == []
        commit(tier)
    assert b"".join(parts(tier)) == WHOLE
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert odd(tier) == set()


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_an_upload_whose_name_was_taken_leaves_nothing_under_way(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PART", 5 << 20)
    place = server.tier("bucket", f"p-{uuid.uuid4().hex[:12]}")._place
    place.create("taken", b"somebody else's")
    with pytest.raises(OtherOctetsError, match="not 6291456"):
        Upload(place, "taken", 6 << 20).write(bytes(1 << 20) for _ in range(6))
    assert list(place.uploads()) == []
    assert place.get("taken") == b"somebody else's"


def test_a_tar_of_more_parts_than_five_digits_count_is_refused_before_anything_is_sent() -> None:
    place = S3Place("deep", Address("", "", "bucket", "", "", "", object_limit=LIMIT), {})
    with pytest.raises(NoSpaceError, match="more than 99,999 parts"):
        Sending(place, "v1.tar", 99_999 * LIMIT + 1)
    assert Sending(place, "v1.tar", 99_999 * LIMIT).part_octets == LIMIT


def test_a_listing_that_is_late_makes_nothing_missing(
    tier: S3Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tier)
    listed = tier._names(KEY)
    monkeypatch.setattr(tier._place, "list", lambda *_: iter(()))
    assert tier.exists(KEY, TAR)
    assert tier._names(KEY) == listed == [part_name(KEY.place(TAR), n + 1) for n in range(COUNT)]
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_part_that_is_gone_is_told_and_the_rest_is_not_taken_for_the_whole(tier: S3Tier) -> None:
    commit(tier)
    name = part_name(KEY.place(TAR), 2)
    tier._place.client.delete_object(**tier._place.about(name))
    assert tier.exists(KEY, TAR)
    assert tier.held(KEY, TAR).octets == LIMIT
    assert odd(tier) == {"TIER-PARTS v1.tar"}


def test_a_part_behind_a_gap_is_told_of_bytes_that_are_sound(tier: S3Tier) -> None:
    commit(tier)
    assert reach({"bucket": tier}, row()).label == ""  # type: ignore[union-attr]
    name = part_name(KEY.place(TAR), COUNT + 2)
    tier._place.replace(name, b"not of it")
    there = reach({"bucket": tier}, row())
    assert isinstance(there, There)
    assert there.label == f"{name}: a part that is none of the tar's own"
    assert contents(there.held) == GOOD
    assert odd(tier) == {"TIER-PARTS v1.tar"}


def test_later_parts_alone_are_no_replica_and_a_swap_makes_it_whole(tier: S3Tier) -> None:
    commit(tier)
    name = part_name(KEY.place(TAR), 1)
    tier._place.client.delete_object(**tier._place.about(name))
    assert not tier.exists(KEY, TAR)  # missing, which a repair mends; "not now" would last
    incoming = tier.incoming(KEY, TAR, len(WHOLE))
    incoming.write(stream(GOOD))
    incoming.swap(sidecar(TAR), "now")
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_swap_keeps_the_former_parts_and_lists_them(tier: S3Tier) -> None:
    commit(tier, BAD)
    incoming = tier.incoming(KEY, TAR, len(WHOLE))
    incoming.write(stream(GOOD))
    place = incoming.swap(sidecar(TAR), "now")
    incoming.discard()
    assert place == f"{KEY.folder}/v1.tar"
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert contents(tier.held_in_quarantine(KEY, TAR, "now")) == BAD
    assert odd(tier) == set()


def harm(tier: S3Tier, number: int, data: bytes | None) -> bytes:
    """Put other octets in the place of a part, or none; gives the former ones."""
    place, name = tier._place, part_name(KEY.place(TAR), number)
    former = place.get(name) or b""
    if data is None:
        place.client.delete_object(**place.about(name))
    else:
        place.replace(name, data)
    return former


def mended(tier: S3Tier, stamp: str) -> str:
    incoming = tier.incoming(KEY, TAR, len(WHOLE), replacing=True)
    try:
        incoming.write(stream(GOOD))
        assert contents(incoming.held()) == GOOD
        return incoming.swap(sidecar(TAR), stamp)
    finally:
        incoming.discard()


def names(tier: S3Tier) -> set[str]:
    skip = len(KEY.folder) + 1
    return {one.name[skip:] for one in tier._place.list(KEY.folder) if ".tar" in one.name}


def test_only_the_part_that_differs_is_sent_again(tier: S3Tier) -> None:
    commit(tier)
    before = names(tier)
    good = harm(tier, 2, b"")
    bad = good[:-700] + b"#" * 700
    harm(tier, 2, bad)
    assert mended(tier, "now") == f"{KEY.folder}/v1.tar.00002"
    assert names(tier) - before == {"v1.r1.tar.00002"}
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert (tier._place.get(f"{KEY.folder}/v1.tar.00002"), odd(tier)) == (bad, set())
    said = tier.sidecar(KEY)
    assert said is not None
    assert said.exchanged == ((2, "v1.r1.tar.00002"),)
    assert Sidecar.decode(said.encode()) == said
    found = difference_map(
        tier.held_in_quarantine(KEY, TAR, "now"), tier.held(KEY, TAR), [], KEY
    )["files"]  # fmt: skip
    assert [(one["path"], one["ranges"][0]["offset"]) for one in found] == [
        ("v1.tar.00002", LIMIT - 700)
    ]


def test_parts_that_are_gone_or_too_short_are_replaced_one_after_the_other(tier: S3Tier) -> None:
    commit(tier)
    harm(tier, 1, None)
    assert mended(tier, "first") == ""
    harm(tier, COUNT, b"short")
    assert mended(tier, "second") == f"{KEY.folder}/v1.tar.{COUNT:05d}"
    tier._place.replace(f"{KEY.folder}/v1.r1.tar.00001", b"\0" * LIMIT)
    assert mended(tier, "third") == f"{KEY.folder}/v1.r1.tar.00001"
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert tier.exists(KEY, TAR)
    said = tier.sidecar(KEY)
    assert said is not None
    assert said.exchanged == ((1, "v1.r3.tar.00001"), (COUNT, f"v1.r2.tar.{COUNT:05d}"))
    assert odd(tier) == set()


def test_a_tar_of_exchanged_parts_can_be_replaced_whole(tier: S3Tier) -> None:
    commit(tier, BAD)
    harm(tier, 1, b"\0" * LIMIT)
    bad = tier.incoming(KEY, TAR, len(WHOLE), replacing=True)
    bad.write(stream(BAD))
    bad.swap(sidecar(TAR, BAD), "first")
    incoming = tier.incoming(KEY, TAR, len(WHOLE))
    incoming.write(stream(GOOD))
    assert incoming.swap(sidecar(TAR), "second") == f"{KEY.folder}/v1.tar"
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert contents(tier.held_in_quarantine(KEY, TAR, "second")) == BAD
    assert odd(tier) == set()


def test_a_part_too_many_makes_the_whole_tar_get_another_name(tier: S3Tier) -> None:
    commit(tier)
    harm(tier, COUNT + 1, b"not of it")
    assert mended(tier, "now") == f"{KEY.folder}/v1.tar"
    assert contents(tier.held(KEY, TAR)) == GOOD
    assert odd(tier) == set()


def test_what_was_sent_and_not_put_in_place_goes_and_the_parts_that_were_kept_stay(
    tier: S3Tier,
) -> None:
    commit(tier)
    harm(tier, 2, b"#" * LIMIT)
    before = names(tier)
    incoming = tier.incoming(KEY, TAR, len(WHOLE), replacing=True)
    incoming.write(stream(GOOD))
    assert names(tier) - before == {"v1.r1.tar.00002"}
    incoming.discard()
    assert names(tier) == before


@pytest.mark.parametrize("server", ["moto"], indirect=True)
def test_a_part_that_can_not_be_read_any_more_is_sent_again(
    tier: S3Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tier)
    bad, readinto = part_name(KEY.place(TAR), 2), ObjectStream.readinto

    def failing(self: ObjectStream, room: memoryview) -> int:
        if self._what.name == bad and self._at >= 1000:
            raise TierUnavailableError("the medium is in the way")
        return readinto(self, room[:1000])

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStream, "readinto", failing)
        mended(tier, "now")
    assert contents(tier.held(KEY, TAR)) == GOOD
    said = tier.sidecar(KEY)
    assert said is not None
    assert [number for number, _ in said.exchanged] == [2]


def test_one_that_turns_out_to_be_larger_is_refused_and_can_be_written_in_parts(
    tier: S3Tier,
) -> None:
    incoming = tier.incoming(KEY, TAR, LIMIT)
    with pytest.raises(LargerError):
        incoming.write(stream(GOOD))
    incoming.discard()
    assert list(tier._place.list(KEY.folder)) == []
    incoming = tier.incoming(KEY, TAR, WITHOUT_END)
    incoming.write(stream(GOOD))
    incoming.commit(sidecar(TAR))
    assert contents(tier.held(KEY, TAR)) == GOOD


def test_a_version_of_many_tebibytes_is_planned() -> None:
    octets = 40 << 40
    count = -(-octets // LARGEST)
    assert [part_name("v1.tar", n) for n in (1, count)] == ["v1.tar.00001", "v1.tar.00008"]
    size = part_size(LARGEST)
    assert size * MOST_PARTS >= LARGEST  # of each part of the tar, the parts of its upload
    assert size <= 5 << 30


def test_the_whole_digest_does_not_know_of_parts() -> None:
    facts = sidecar(TAR).tar
    assert facts is not None
    assert facts.digest.hex == hashlib.sha256(WHOLE).hexdigest()
