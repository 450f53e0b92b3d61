"""Every way in which the engine takes SHA-2 digests."""

from __future__ import annotations

import pytest

from preservation.fixity import sha2


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files at once. On a machine without lanes OpenSSL stands in for them, so that what
    reads several files at once is at work everywhere.
    """
    if not sha2.LANES:
        monkeypatch.setattr(sha2, "LANES", {"sha256": 16, "sha512": 8})
        monkeypatch.setattr(sha2, "PAYS", {"sha256": 2, "sha512": 3})
        monkeypatch.setattr(sha2, "_extension", sha2._OneByOne)


@pytest.fixture(params=["lanes", "OpenSSL"])
def hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Several files at once, or one after the other."""
    if request.param == "lanes":
        request.getfixturevalue("lanes")
    else:
        monkeypatch.setattr(sha2, "LANES", {})
    return str(request.param)
