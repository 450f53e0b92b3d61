"""A byte budget holds, can change, and lets go at once."""

from __future__ import annotations

import threading

import pytest

from preservation.errors import MalformedError
from preservation.fixity.multihash import MultiHash, digest_bytes
from preservation.fixity.rate import RateLimit
from preservation.model.digest import Algorithm


class Hands:
    """A monotonic clock whose owner moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_reader_waits_until_the_last_block_is_paid_for() -> None:
    hands = Hands()
    limit = RateLimit(10, hands)
    limit.take(1000)  # the first passes at once; 100 seconds are owed now
    waiting = threading.Thread(target=limit.take, args=(1,), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    limit.change(None)
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_paid_block_lets_the_next_one_pass() -> None:
    hands, looks = Hands(), iter((False, True))  # who has to wait is asked again, and gives up
    limit = RateLimit(10, hands)
    limit.take(1000)
    hands.now += 100
    limit.take(1000, lambda: next(looks))
    assert next(looks)


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_would_stop_everything_is_refused(rate: int) -> None:
    with pytest.raises(MalformedError):
        RateLimit(rate)


def test_every_algorithm_gives_a_digest_of_its_own_length() -> None:
    hashes = MultiHash(Algorithm)
    hashes.update(b"ab")
    hashes.update(memoryview(b"c"))
    digests = hashes.digests()
    assert set(digests) == set(Algorithm)
    assert hashes.octets == 3
    assert digests[Algorithm.MD5].hex == "900150983cd24fb0d6963f7d28e17f72"
    assert digests[Algorithm.SHA256] == digest_bytes(b"abc")
    assert digests[Algorithm.BLAKE2B].hex.startswith("ba80a53f981c4d0d")
