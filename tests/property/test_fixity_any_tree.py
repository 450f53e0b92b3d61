"""Whatever lies in a folder: the engine says the same with C and without, and what is right."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.fixity import crew, helpers, reading, sha2
from preservation.fixity.engine import EngineSettings, Measured, Reading, measure
from preservation.model.digest import Algorithm
from preservation.model.progress import Silence

_SIZES = st.one_of(
    st.integers(0, 300),
    st.sampled_from([511, 512, 513, 1023, 1024, 1025, 2048]),
    st.integers(1024, 60_000),
)
_ODD = st.sampled_from(["link", "fifo", "folder", "absent"])
_WANTED = st.sampled_from(
    [
        (Algorithm.SHA256,),
        (Algorithm.SHA512,),
        (Algorithm.SHA256, Algorithm.SHA512),
        (Algorithm.MD5, Algorithm.SHA512, Algorithm.SHA256),
        (),
    ]
)


def _made(root: Path, entries: list[int | str]) -> dict[bytes, bytes | None]:
    made: dict[bytes, bytes | None] = {}
    for number, entry in enumerate(entries):
        place = root / f"d{number % 3}" / f"f{number}"
        place.parent.mkdir(exist_ok=True)
        if isinstance(entry, int):
            place.write_bytes(hashlib.shake_128(b"%d" % number).digest(entry))
        elif entry == "link":
            place.symlink_to(root)
        elif entry == "fifo":
            os.mkfifo(place)
        elif entry == "folder":
            place.mkdir()
        path = os.fsencode(place.relative_to(root))
        made[path] = place.read_bytes() if isinstance(entry, int) else None
    return made


def _seen(
    root: Path, paths: list[bytes], wanted: tuple[Algorithm, ...], how: EngineSettings
) -> list[Measured]:
    return sorted(measure(root, paths, wanted, how, Silence()), key=lambda each: each.path)


@settings(max_examples=40, deadline=None)
@given(
    entries=st.lists(st.one_of(_SIZES, _ODD), min_size=1, max_size=60),
    wanted=_WANTED,
    workers=st.integers(1, 3),
    drop_cache=st.booleans(),
    helped=st.booleans(),
)
def test_a_tree_is_seen_alike_with_lanes_and_without_and_by_python(
    entries: list[int | str],
    wanted: tuple[Algorithm, ...],
    workers: int,
    drop_cache: bool,
    helped: bool,
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(crew, "LARGE", 600),
        mock.patch.object(crew, "LARGE_FOR_HELPERS", 1000),
        mock.patch.object(helpers, "ENOUGH", 1 if helped else 10_000),
        mock.patch.object(helpers, "BATCH", 20),
        mock.patch.object(reading, "BLOCK", 1024),
    ):
        root = Path(folder)
        contents = _made(root, entries)
        how = EngineSettings(workers=workers, drop_cache=drop_cache)
        seen = _seen(root, [*contents], wanted, how)
        with mock.patch.object(sha2, "LANES", {}):
            assert _seen(root, [*contents], wanted, how) == seen
            with mock.patch.object(helpers, "SMALL", None):
                assert _seen(root, [*contents], wanted, how) == seen
        if not sha2.LANES:  # what reads several at once is at work on any machine
            with (
                mock.patch.object(sha2, "_extension", sha2._OneByOne),
                mock.patch.object(sha2, "LANES", {"sha256": 16, "sha512": 8}),
                mock.patch.object(sha2, "PAYS", {"sha256": 2, "sha512": 3}),
            ):
                assert _seen(root, [*contents], wanted, how) == seen
    for each in seen:
        data = contents[each.path]
        assert (data is not None) is (each.reading is Reading.READ)
        if data is not None:
            assert each.octets == len(data)
            assert {one: digest.value for one, digest in each.digests.items()} == {
                one: hashlib.new(one.hashlib_name, data).digest() for one in wanted
            }
