"""Parts of an upload: memory stays flat however large they have to be."""

from __future__ import annotations

import base64
import hashlib
import tracemalloc
from typing import Any

import pytest

from preservation.storage.s3 import upload
from preservation.storage.s3.address import Address
from preservation.storage.s3.place import RANGED, REFUSES_WRONG, S3Place
from preservation.storage.s3.upload import LARGEST, MOST_PARTS, Upload, part_size

MIB = 1 << 20


class Service:
    """Takes parts as a request would, block by block, some of them twice."""

    def __init__(self) -> None:
        self.octets: dict[int, int] = {}
        self.wrong: list[int] = []
        self.with_digest: list[bool] = []

    def upload_part(self, **said: Any) -> dict[str, Any]:
        body, number = said["Body"], said["PartNumber"]
        for _ in range(2):
            body.seek(0)
            hashed, octets = hashlib.sha256(), 0
            while block := body.read(MIB):
                hashed.update(block)
                octets += len(block)
        digest = said.get("ChecksumSHA256")
        if digest and base64.b64encode(hashed.digest()).decode() != digest:
            self.wrong.append(number)
        self.with_digest.append(bool(digest))
        self.octets[number] = octets
        return {"ETag": str(number)}

    def begin(self, _: str, **__: Any) -> dict[str, Any]:
        return {"UploadId": "one"}

    def complete(self, *_: Any) -> None:
        return None

    def uploads(self, _: str) -> list[dict[str, str]]:
        return []

    def head(self, _: str) -> dict[str, Any]:
        return {"ContentLength": sum(self.octets.values()), "ETag": "whole"}


def test_large_parts_do_not_lie_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    place = S3Place("deep", Address("", "", "bucket", "", "", ""), {})
    service = Service()
    monkeypatch.setitem(place.__dict__, "client", service)
    monkeypatch.setitem(place.__dict__, "_asking", service)
    monkeypatch.setattr(upload, "part_size", lambda _: 16 * MIB)
    tracemalloc.start()
    try:
        found = Upload(place, "v1.tar", 40 * MIB).write(bytes(MIB) for _ in range(40))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert service.octets == {1: 16 * MIB, 2: 16 * MIB, 3: 8 * MIB}
    assert service.wrong == []
    assert found.octets == 40 * MIB
    assert peak < 16 * MIB  # one part alone would be that


@pytest.mark.parametrize(
    ("proven", "expected"), [([], True), ([RANGED], False), ([RANGED, REFUSES_WRONG], True)]
)
def test_parts_come_with_a_digest_unless_a_check_saw_that_it_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, proven: list[str], expected: bool
) -> None:
    place = S3Place("deep", Address("", "", "bucket", "", "", ""), {}, proven=proven)
    service = Service()
    monkeypatch.setitem(place.__dict__, "client", service)
    monkeypatch.setitem(place.__dict__, "_asking", service)
    monkeypatch.setattr(upload, "part_size", lambda _: 9 * MIB)  # on disk, so to be read twice
    Upload(place, "v1.tar", MIB).write(bytes(MIB) for _ in range(10))
    assert service.with_digest == [expected] * 2
    assert service.wrong == []


def test_the_largest_object_fits_into_the_parts_that_a_service_counts() -> None:
    assert part_size(LARGEST) * MOST_PARTS >= LARGEST
    assert part_size(LARGEST) <= 5 << 30  # what one part may be
