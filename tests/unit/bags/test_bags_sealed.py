"""A sealed bag is verified from the seal down, and only what verifies is copied."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from bagmaker import (
    PAYLOAD,
    QUIET,
    SETTINGS,
    as_tar,
    everything,
    held,
    held_tar,
    sealed,
    tar_facts,
)

from preservation.bags.sealed import Verification, facts, members, verify, write_folder
from preservation.errors import SourceDamagedError
from preservation.files.held import Held
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm, Digest
from preservation.model.outcome import Outcome
from preservation.model.replica import TarFacts
from preservation.storage.mount import mount_of

BOTH = (Algorithm.SHA256, Algorithm.SHA512)
TAGS = 6  # bagit.txt, bag-info.txt, two manifests, the tag manifest, metadata/tree.csv


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return tmp_path / "bag"


def check(place: Held, seal: Digest, tar: TarFacts | None = None) -> Verification:
    return verify(place, seal, tar=tar, settings=SETTINGS, progress=QUIET)


def copy(place: Held, seal: Digest) -> dict[bytes, bytes]:
    return {path: b"".join(chunks) for path, _, chunks in members(place, seal, None)}


def bad(result: Verification) -> dict[bytes, Outcome]:
    assert sum(result.counts.values()) - result.counts.get(Outcome.INTACT, 0) == len(result.files)
    return {each.path: each.outcome for each in result.files}


@pytest.mark.parametrize("algorithms", [BOTH, BOTH[:1], BOTH[1:]])
def test_an_untouched_bag_is_intact_as_folder_and_as_tar(
    bag: Path, algorithms: tuple[Algorithm, ...]
) -> None:
    seal = sealed(bag)
    data = as_tar(bag, seal)
    for place, tar in ((held(bag), None), (held_tar(data), tar_facts(data))):
        result = verify(
            place, seal, tar=tar, algorithms=algorithms, settings=SETTINGS, progress=QUIET
        )
        assert result.outcome is Outcome.INTACT
        assert result.counts == {Outcome.INTACT: len(PAYLOAD) + TAGS}
        assert result.algorithms == algorithms
        assert result.files == ()


def test_all_octets_are_read_and_told(bag: Path) -> None:
    seal = sealed(bag)
    size = sum(len(data) for data in everything(bag).values())
    assert check(held(bag), seal).octets_read == size
    data = as_tar(bag, seal)
    assert check(held_tar(data), seal).octets_read == len(data)


def test_the_cache_counts_as_bypassed_only_if_it_was_asked_for(bag: Path) -> None:
    seal = sealed(bag)
    assert not check(held(bag), seal).cache_bypassed
    settings = EngineSettings(drop_cache=True)
    assert verify(held(bag), seal, settings=settings, progress=QUIET).cache_bypassed


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path: Path) -> None:
    copy = path.parent.parent / "same-bytes"
    path.rename(copy)
    path.symlink_to(copy)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def extra(path: Path) -> None:
    path.with_name("stranger").write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (flip, {b"data/a.txt": Outcome.ALTERED}),
        (Path.unlink, {b"data/a.txt": Outcome.MISSING}),
        (fifo, {b"data/a.txt": Outcome.ALTERED}),
        (extra, {b"data/stranger": Outcome.ALTERED}),
        (link, {b"data/a.txt": Outcome.ALTERED, b"same-bytes": Outcome.ALTERED}),
    ],
)
def test_harm_to_the_payload_is_found_and_located(
    bag: Path, harm: Callable[[Path], None], expected: dict[bytes, Outcome]
) -> None:
    seal = sealed(bag)
    harm(bag / "data/a.txt")
    result = check(held(bag), seal)
    assert bad(result) == expected
    assert result.outcome.is_damage
    if harm is not extra:  # strangers are not copied, so they harm no copy
        with pytest.raises(SourceDamagedError):
            copy(held(bag), seal)


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", "metadata/tree.csv"])
def test_harm_to_a_tag_file_is_found(bag: Path, name: str) -> None:
    seal = sealed(bag)
    flip(bag / name)
    assert bad(check(held(bag), seal)) == {name.encode(): Outcome.ALTERED}


def test_a_manifest_made_to_match_changed_bytes_is_not_believed(bag: Path) -> None:
    seal = sealed(bag)
    other = bag.with_name("other")
    sealed(other, PAYLOAD | {b"a.txt": b"gamma"})
    for name in ("data/a.txt", "manifest-sha256.txt"):
        shutil.copy(other / name, bag / name)
    result = check(held(bag), seal)
    assert bad(result) == {
        b"data/a.txt": Outcome.ALTERED,
        b"manifest-sha256.txt": Outcome.ALTERED,
    }
    assert result.algorithms == (Algorithm.SHA512,), "the other manifest still says which"
    shutil.rmtree(bag)
    other.rename(bag)
    assert bad(check(held(bag), seal)) == {b"tagmanifest-sha256.txt": Outcome.ALTERED}


def test_without_any_intact_manifest_the_payload_is_unchecked(bag: Path) -> None:
    seal = sealed(bag)
    flip(bag / "manifest-sha256.txt")
    (bag / "manifest-sha512.txt").unlink()
    result = check(held(bag), seal)
    assert bad(result)[b"data"] is Outcome.UNCHECKED
    assert result.outcome is Outcome.ALTERED
    assert result.algorithms == ()


def test_a_folder_that_is_gone_is_missing(bag: Path) -> None:
    seal = sealed(bag)
    shutil.rmtree(bag)
    assert check(held(bag), seal).outcome is Outcome.MISSING


@pytest.mark.usefixtures("in_python")
def test_a_refusal_is_not_damage(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = sealed(bag)
    opened = os.open

    def refusing(path: object, *args: object, **more: object) -> int:
        if path == b"a.txt":
            raise PermissionError(errno.EACCES, "refused")
        return opened(path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    result = check(held(bag), seal)
    assert bad(result) == {b"data/a.txt": Outcome.UNCHECKED}
    assert not result.outcome.is_damage


def test_a_byte_flipped_anywhere_in_a_tar_is_found(bag: Path) -> None:
    seal = sealed(bag, {b"a.txt": b"alpha", b"b.txt": b"beta"})
    data = as_tar(bag, seal)
    for at in range(0, len(data), 97):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        result = check(held_tar(broken), seal, tar_facts(data))
        assert result.outcome is Outcome.ALTERED, at
        assert result.files


def test_a_flip_in_a_tar_member_is_located(bag: Path) -> None:
    seal = sealed(bag)
    data = as_tar(bag, seal).replace(b"alpha", b"alphA")
    assert bad(check(held_tar(data), seal)) == {b"data/a.txt": Outcome.ALTERED}


def test_a_tar_cut_short_is_altered_and_the_rest_is_counted(bag: Path) -> None:
    seal = sealed(bag)
    data = as_tar(bag, seal)
    for end in range(0, len(data), 1024):
        result = check(held_tar(data[:end]), seal)
        assert result.outcome is Outcome.ALTERED, end
    result = check(held_tar(data[: data.index(b"alpha")]), seal)
    assert sum(result.counts.values()) == len(PAYLOAD) + TAGS + 1


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ENOENT])
def test_a_tar_that_cannot_be_opened_says_why(bag: Path, error: int) -> None:
    seal = sealed(bag)
    place = held_tar(b"")

    def refuse() -> None:
        raise OSError(error, os.strerror(error))

    place = type(place)(refuse, 0, cache_bypassed=False)  # type: ignore[arg-type]
    outcomes = {
        errno.EIO: Outcome.UNREADABLE,
        errno.EACCES: Outcome.UNCHECKED,
        errno.ENOENT: Outcome.MISSING,
    }
    assert check(place, seal).outcome is outcomes[error]


def test_folder_and_tar_rebuild_each_other_bit_for_bit(bag: Path, tmp_path: Path) -> None:
    seal = sealed(bag)
    data = as_tar(bag, seal)
    again = tmp_path / "again"
    again.mkdir()
    write_folder(members(held_tar(data), seal, tar_facts(data)), again, QUIET)
    assert everything(again) == everything(bag)
    assert as_tar(again, seal) == data


def test_a_copy_from_a_damaged_tar_stops(bag: Path) -> None:
    seal = sealed(bag)
    good = as_tar(bag, seal)
    for data in (good.replace(b"alpha", b"alphA"), good[:-2000], good[:100], b""):
        with pytest.raises(SourceDamagedError):
            copy(held_tar(data), seal)


def test_a_copier_that_takes_no_chunks_still_notices(bag: Path) -> None:
    seal = sealed(bag)
    flip(bag / "data/deep/er/b.bin")
    with pytest.raises(SourceDamagedError):
        list(members(held(bag), seal, None))


def test_facts_come_from_tag_files_alone(bag: Path) -> None:
    seal = sealed(bag)
    data = as_tar(bag, seal)
    shutil.rmtree(bag / "data")
    found = facts(held(bag), seal)
    assert found == facts(held_tar(data), seal)
    assert (found.files, found.octets) == (len(PAYLOAD), sum(map(len, PAYLOAD.values())))
    assert ("Bagging-Date", "2026-11-22") in found.bag_info
    flip(bag / "bag-info.txt")
    with pytest.raises(SourceDamagedError):
        facts(held(bag), seal)


@pytest.mark.usefixtures("in_python")
def test_what_programs_have_mapped_is_read_from_the_medium(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = sealed(bag)
    if not mount_of(bag).bypasses_cache:
        pytest.skip("this file system does not say what it has in the page cache")
    from_medium = Counter[int]()

    def noting(read: Callable[..., int]) -> Callable[..., int]:
        def noted(fd: int, *said: Any) -> int:
            octets = read(fd, *said)
            if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
                from_medium[os.fstat(fd).st_ino] += octets
            return octets

        return noted

    files = [path for path in bag.rglob("*") if path.is_file() and path.stat().st_size]
    with ExitStack() as mapped:
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
                here = mapped.enter_context(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
            assert sum(here[::4096]) >= 0
        monkeypatch.setattr(os, "readv", noting(os.readv))
        monkeypatch.setattr(os, "preadv", noting(os.preadv))
        settings = EngineSettings(workers=1, drop_cache=True)
        assert verify(held(bag), seal, settings=settings, progress=QUIET).outcome is Outcome.INTACT
    assert {path: from_medium[path.stat().st_ino] for path in files} == {
        path: path.stat().st_size for path in files
    }
