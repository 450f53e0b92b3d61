"""One piece of work that cannot be done stops no other, whatever the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from homes import Archive

from preservation.cli.main import call
from preservation.errors import MalformedError, SamarkandError
from preservation.ingest.service import IngestService


@pytest.mark.parametrize("wrong", [SamarkandError, MalformedError])
def test_a_deposit_that_meets_a_defect_keeps_no_other_waiting(
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: type[SamarkandError],
) -> None:
    for name in ("first", "second", "third"):
        archive.put(name, {"a.txt": name.encode()})
    taken = IngestService.take

    def take(service: IngestService, policy: Any, arrival: Any, *said: Any, **more: Any) -> Any:
        if arrival.name == "second":
            raise wrong("it meets what nobody thought of", code="DEP-STRANGE")
        return taken(service, policy, arrival, *said, **more)

    monkeypatch.setattr(IngestService, "take", take)
    home = ["--home", str(archive.home), "--policies", str(archive.policies)]
    assert call([*home, "ingest", "--inbox", "--json"]) == wrong("").exit_code
    answer = json.loads(capsys.readouterr().out)
    assert {one["deposit"] for one in answer["deposits"]} == {"first", "third"}
    assert [error["code"] for error in answer["errors"]] == ["DEP-STRANGE"]
