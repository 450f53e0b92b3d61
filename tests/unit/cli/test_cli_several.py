"""One piece of work that cannot be done stops no other, whatever the reason."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest
from homes import Archive

from preservation.audit.service import AuditService
from preservation.cli.main import call
from preservation.errors import MalformedError, SamarkandError
from preservation.ingest.service import IngestService


@pytest.mark.parametrize(
    ("wrong", "code", "exit_code"),
    [
        (SamarkandError("it is strange", code="DEP-STRANGE"), "DEP-STRANGE", 1),
        (MalformedError("it is strange", code="DEP-STRANGE"), "DEP-STRANGE", 2),
        (KeyError("strange"), "SAM-DEFECT", 1),
        (OSError(errno.EIO, "strange"), "SAM-DEFECT", 1),
    ],
)
def test_a_deposit_that_meets_a_defect_keeps_no_other_waiting(
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: Exception,
    code: str,
    exit_code: int,
) -> None:
    for name in ("first", "second", "third"):
        archive.put(name, {"a.txt": name.encode()})
    taken = IngestService.take

    def take(service: IngestService, policy: Any, arrival: Any, *said: Any, **more: Any) -> Any:
        if arrival.name == "second":
            raise wrong
        return taken(service, policy, arrival, *said, **more)

    monkeypatch.setattr(IngestService, "take", take)
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    assert call([*home, "ingest", "--inbox", "--json"]) == exit_code
    answer = json.loads(capsys.readouterr().out)
    assert {one["deposit"] for one in answer["deposits"]} == {"first", "third"}
    assert [error["code"] for error in answer["errors"]] == [code]


def test_a_shard_that_meets_a_defect_hides_no_damage_that_was_found(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.ingest(archive.put("first", {"a.txt": b"a"}))
    archive.replicate()
    for file in archive.tier("vault").rglob("a.txt"):
        file.write_bytes(b"b")
    run = AuditService.run

    def ran(service: AuditService, policy: Any, shard: Any, *said: Any, **more: Any) -> Any:
        if "vault" not in shard.tiers:
            raise SamarkandError("it meets what nobody thought of", code="AUD-STRANGE")
        return run(service, policy, shard, *said, **more)

    monkeypatch.setattr(AuditService, "run", ran)
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    assert call([*home, "audit", "--all", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["outcomes"]["altered"] == 1
    assert {error["code"] for error in answer["errors"]} == {"AUD-STRANGE"}
