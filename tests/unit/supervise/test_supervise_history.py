"""Airflow's history is pruned by the operator's setting; evidence is none of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from preservation.errors import MalformedError
from preservation.supervise import history
from preservation.supervise.history import History, command, kept_for, prune_logs
from preservation.supervise.places import Places

YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("text", "kept"), [("", YEAR), ("90d", timedelta(days=90)), (" forever ", None)]
)
def test_a_year_is_kept_unless_the_operator_says_otherwise(
    text: str, kept: timedelta | None
) -> None:
    assert kept_for(text) == kept


@pytest.mark.parametrize("text", ["soon", "0s", "6d", "-1y"])
def test_what_would_take_everything_away_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        kept_for(text)


def test_old_runs_logs_go_whole_and_nothing_else_does(tmp_path: Path) -> None:
    long_ago = (datetime.now(UTC) - 2 * YEAR).timestamp()
    for run, ages in {"old": [long_ago] * 2, "long": [long_ago, 0]}.items():
        for number, age in enumerate(ages):
            path = tmp_path / f"dag_id=audit__notes/run_id={run}/task_id=t{number}/attempt=1.log"
            path.parent.mkdir(parents=True)
            path.write_text("read")
            for one in (path, path.parent, path.parent.parent):
                os.utime(one, (age or datetime.now(UTC).timestamp(),) * 2)
    (tmp_path / "kept").mkdir()
    os.utime(tmp_path / "kept", (long_ago, long_ago))
    os.utime(tmp_path / "dag_id=audit__notes/run_id=old", (long_ago, long_ago))
    assert prune_logs(tmp_path, datetime.now(UTC) - YEAR) == 1
    assert sorted(path.name for path in tmp_path.glob("dag_id=*/*")) == ["run_id=long"]
    assert (tmp_path / "kept").is_dir()


def test_it_is_done_once_a_day_and_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []

    class Cleaning:
        returncode = 1

        def __init__(self, words: list[str], **_: Any) -> None:
            begun.append(words)

        def poll(self) -> int:
            return 1

    places, now, nothing = Places(tmp_path), [0.0], dict[str, str]()
    places.make()
    monkeypatch.setattr(history.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(history.subprocess, "Popen", Cleaning)
    pruning, keeping = History(places, "90d"), History(places, "not a duration")

    def at(seconds: float, variables: Mapping[str, str] = nothing) -> int:
        now[0] = seconds
        pruning.tick(variables)
        keeping.tick(variables)
        return len(begun)

    assert [at(0), at(601), at(3600), at(90_000), at(90_001)] == [0, 1, 1, 2, 2]
    assert command(datetime(2030, 1, 1, tzinfo=UTC))[-2:] == ["--skip-archive", "--yes"]
