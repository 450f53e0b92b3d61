"""Several messages at once: the digests of OpenSSL, whatever their number, length and pieces."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.fixity import sha2

NAMES = ("sha256", "sha512")
LENGTHS = st.one_of(
    st.integers(0, 300), st.sampled_from([63, 64, 111, 112, 119, 127, 128, 4096, 70_000])
)


@pytest.fixture(params=["as it is", "OpenSSL"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "OpenSSL":
        monkeypatch.setattr(sha2, "LANES", {})


def _octets(seed: int, size: int) -> bytes:
    return hashlib.shake_128(seed.to_bytes(8, "big")).digest(size)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(LENGTHS, max_size=40))
def test_whole_buffers_have_the_digests_of_openssl_in_their_order(
    name: str, sizes: list[int]
) -> None:
    buffers = [_octets(number, size) for number, size in enumerate(sizes)]

    said = sha2.digests(name, buffers)

    assert said == b"".join(hashlib.new(name, buffer).digest() for buffer in buffers)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("name", NAMES)
def test_a_message_may_end_anywhere_in_a_block(name: str) -> None:
    buffers = [_octets(7, 600)[:size] for size in range(600)]

    assert sha2.digests(name, buffers) == b"".join(
        hashlib.new(name, buffer).digest() for buffer in buffers
    )


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(rounds=st.lists(st.lists(LENGTHS, min_size=20, max_size=20), max_size=6))
def test_streams_may_come_in_any_pieces_and_be_asked_in_between(
    name: str, rounds: list[list[int]]
) -> None:
    streams = [sha2.stream(name) for _ in range(20)]
    expected = [hashlib.new(name) for _ in range(20)]
    for number, sizes in enumerate(rounds):
        buffers = [memoryview(_octets(number * 20 + at, size)) for at, size in enumerate(sizes)]
        sha2.update(streams, buffers)
        for each, buffer in zip(expected, buffers, strict=True):
            each.update(buffer)

        assert [each.digest() for each in streams] == [each.digest() for each in expected]


@pytest.mark.parametrize("name", NAMES)
def test_the_published_vectors_of_fips_180_come_out(name: str) -> None:
    # FIPS 180-4, examples: "abc", and the one of two blocks; a million "a" in a stream.
    known = {
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
        "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
    }
    streams = [sha2.stream(name) for _ in range(12)]
    sha2.update(streams, [b"abc"] * 6 + [b"a" * 1_000_000] * 6)
    said = streams[0].digest() + streams[11].digest()

    assert said.hex() == known[name]
    assert len({each.digest() for each in streams[:6]}) == 1
    assert len({each.digest() for each in streams[6:]}) == 1


def test_a_stream_belongs_to_one_update_at_a_time() -> None:
    if not sha2.LANES:
        pytest.skip("this machine hashes by OpenSSL alone")
    twice = sha2.stream("sha512")
    with pytest.raises(ValueError, match="already"):
        sha2.update([twice, twice], [b"a", b"b"])
    with pytest.raises(ValueError, match="several algorithms"):
        sha2.update([sha2.stream("sha256"), twice], [b"a", b"b"])
    with pytest.raises(ValueError, match="one buffer"):
        sha2.update([twice], [])

    assert twice.digest() == hashlib.sha512().digest()


def test_threads_hash_side_by_side() -> None:
    wrong: list[str] = []

    def hash_some(seed: int) -> None:
        for turn in range(20):
            buffers = [_octets(seed * 100 + turn, 5_000 + at) for at in range(24)]
            if sha2.digests("sha512", buffers) != b"".join(
                hashlib.sha512(buffer).digest() for buffer in buffers
            ):
                wrong.append(f"{seed}, {turn}")

    threads = [threading.Thread(target=hash_some, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong


@pytest.mark.parametrize("right", ["neither", "whole buffers"])
def test_an_extension_that_hashes_wrongly_is_not_used(tmp_path: Path, right: str) -> None:
    lying = tmp_path / "lying.py"
    digests = "b''.join(hashlib.new(name, each).digest() for each in buffers)"
    lying.write_text(
        "import hashlib, sys, types, warnings\n"
        "import preservation.fixity\n"
        "lying = types.ModuleType('preservation.fixity._sha2')\n"
        "lying.LANES, lying.__file__ = {'sha256': 16}, 'lying.so'\n"
        "lying.State = type('State', (), {'__init__': lambda *_: None, 'digest': lambda _: b''})\n"
        "lying.update = lambda *_: None\n"
        f"lying.digests = lambda name, buffers: "
        f"{'bytes(32 * len(buffers))' if right == 'neither' else digests}\n"
        "sys.modules['preservation.fixity._sha2'] = preservation.fixity._sha2 = lying\n"
        "warnings.simplefilter('ignore')\n"
        "from preservation.fixity import sha2\n"
        "print(sha2.LANES, repr(sha2.PATH), sha2.digests('sha256', [b'abc']).hex()[:8])\n"
    )

    ended = subprocess.run([sys.executable, lying], capture_output=True, text=True, check=True)

    assert ended.stdout == "{} '' ba7816bf\n"


def test_this_machine_has_lanes_in_ci() -> None:
    if sha2.LANES:
        return
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    if "avx512bw" not in flags:
        pytest.skip("this processor has no AVX-512: OpenSSL hashes alone")
    if os.environ.get("CI") == "true":
        pytest.fail("the extension was not made: is there a C compiler?")
    pytest.skip("the extension was not made: is there a C compiler?")
