"""Over NFS, SMB or FUSE a check is recorded as one that another cache may have answered."""

from __future__ import annotations

import pytest
from homes import Archive

from preservation.model.event import EventType
from preservation.storage import place
from preservation.storage.mount import Mount


@pytest.mark.parametrize("fstype", ["nfs4", "cifs", "fuse.s3fs"])
def test_a_read_through_a_file_server_says_so(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, fstype: str
) -> None:
    monkeypatch.setattr(place, "mount_of", lambda _: Mount("/", fstype, "nas:/export"))
    archive.ingest(archive.put("one", {"a.txt": b"a"}))
    archive.replicate()
    checks = [one.detail for one in archive.events() if one.type is EventType.FIXITY_CHECK]
    assert len(checks) == 3
    assert all(one["server_cache"] and not one["cache_bypassed"] for one in checks)
    with archive.opened() as (parts, _):
        told = [one.detail for one in parts.tiers["vault"].prove() if "file server" in one.what]
    assert [words.partition(":")[0] for words in told] == [fstype]
