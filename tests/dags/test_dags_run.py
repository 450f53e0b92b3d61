"""Each DAG really runs, over the real services and a real home."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dag_homes import PROJECT, make_home, put_in_force
from post_offices import mail_server

Run = Callable[..., dict[str, list[str]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one community: every run of a DAG parses and stores all there are."""
    policies = tmp_path / "policies"
    shutil.copytree(PROJECT / "policies", policies)
    (policies / "field-notes.yaml").unlink()
    return make_home(tmp_path / "home", policies, monkeypatch)


def notes(dag_id: str) -> list[str]:
    """The notes of the runs of a DAG that Airflow's database knows of, oldest first."""
    from airflow.models.dagrun import DagRun
    from airflow.settings import Session

    runs = Session().query(DagRun).filter_by(dag_id=dag_id).order_by(DagRun.id)
    return [run.note for run in runs if run.note]


def emitted(dag_id: str) -> list[str]:
    """The assets that runs of a DAG have updated."""
    from airflow.models.asset import AssetEvent
    from airflow.settings import Session

    events = Session().query(AssetEvent).filter_by(source_dag_id=dag_id)
    return [event.asset.uri for event in events]


def deposit(home: Path, community: str, name: str) -> Path:
    folder = home / "inbox" / community / name
    (folder / "данные").mkdir(parents=True)
    (folder / "данные" / "станция 7.csv").write_text("day,level\n1,4.2\n", "utf-8")
    (folder / "read me.txt").write_text(f"{name}\n", "utf-8")
    return folder


def flip_a_byte(home: Path, tier: str) -> Path:
    """Damage one byte of a replica, as a failing medium would."""
    victim = next((home / "tiers" / tier / "silk-road").rglob("read me.txt"))
    data = bytearray(victim.read_bytes())
    data[3] ^= 1
    victim.chmod(0o644)
    victim.write_bytes(data)
    return victim


def test_the_main_job_from_deposit_to_healed_replica(home: Path, run: Run) -> None:
    deposit(home, "silk-road", "Станция 7")

    took = run("ingest__silk-road")
    assert took[""] == ["success"]
    assert took["deposit.take"] == ["Станция 7 · accepted"]

    made = run("replicate__silk-road")
    assert made[""] == ["success"]
    # One read of the vault's replica serves both.
    assert made["tier-mirror.replicate"] == ["mirror, deep · 1 AIP"]
    assert made["tier-deep.replicate"] == ["skipped"]
    assert made["tier-vault.replicate"] == ["skipped"]
    assert emitted("ingest__silk-road") == ["samarkand://silk-road/replicas-due"]

    flip_a_byte(home, "mirror")
    checked = run("audit__silk-road", everything=True)
    assert checked[""] == ["success"]
    assert checked["tier-vault.audit"] == ["vault · 1 AIP · 1 intact"]
    assert checked["tier-mirror.audit"] == ["mirror · 1 AIP · 1 altered"]
    assert emitted("audit__silk-road") == ["samarkand://silk-road/findings-open"]
    assert notes("standing__silk-road")[-1].startswith("**Not all promises are kept: 1 open")
    assert "Next: run `preserve repair`" in notes("standing__silk-road")[-1]
    assert run("standing__silk-road")[""] == ["failed"]

    healed = run("repair__silk-road")
    assert healed[""] == ["success"]
    assert healed["tier-mirror.replica.repair"] == ["Станция 7 on mirror · repaired"]
    assert healed["tier-mirror.replica.verify"] == ["Станция 7 on mirror · 1 intact"]
    assert notes("standing__silk-road")[-1] == "**Every promise is kept for 1 AIP version**"
    assert run("standing__silk-road")[""] == ["success"]
    assert run("journal")[""] == ["success"]
    assert len(list((home / "reports" / "silk-road").glob("*/report.html"))) == 2


def test_a_rejected_deposit_is_an_answer_and_a_green_square(home: Path, run: Run) -> None:
    deposit(home, "silk-road", "good")
    bad = deposit(home, "silk-road", "bad")
    (bad / "out").symlink_to("/etc/hostname")

    took = run("ingest__silk-road")

    assert took[""] == ["success"]
    assert sorted(took["deposit.take"]) == ["bad · rejected", "good · accepted"]


def test_an_empty_inbox_costs_one_task(home: Path, run: Run) -> None:
    took = run("ingest__silk-road")
    assert took.pop("") == ["success"]
    assert took.pop("find") == ["success"]
    assert set(map(tuple, took.values())) == {("skipped",)}


def test_a_report_begins_at_a_plain_moment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow says when the last run was by a kind of its own, on which pyarrow fails."""
    from pendulum import DateTime

    from preservation.app import reporting
    from preservation.app.parts import open_home
    from preservation.orchestration.work import telling as work

    given: list[Any] = []

    def write_report(*said: Any, **_: Any) -> None:
        given.append(said[3])
        raise FileExistsError

    monkeypatch.setattr(reporting, "write_report", write_report)
    last = DateTime.now("Asia/Tashkent")
    with open_home(home) as parts, pytest.raises(FileExistsError):
        work.report(parts, "silk-road", "a run", last, {})
    assert given == [last]
    assert type(given[0]) is datetime


def test_a_first_report_tells_what_was_before_a_policy_changed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it changed while the run went on whose report it is."""
    from preservation.app import reporting
    from preservation.app.parts import open_home
    from preservation.orchestration.work import telling as work

    def write_report(*said: Any, **_: Any) -> None:
        raise FileExistsError(said[3].isoformat())

    monkeypatch.setattr(reporting, "write_report", write_report)
    with open_home(home) as parts:
        line = parts.store.in_force()["silk-road"]
        other = {**parts.store.policy(line.digest).document, "contact": "somebody else"}
        later, expected = line.at + timedelta(hours=1), {"silk-road": line.digest}
        assert parts.store.apply({"silk-road": other}, "ann", "why not", later, expected)
        with pytest.raises(FileExistsError) as caught:
            work.report(parts, "silk-road", "a run", None, {})
    assert str(caught.value) == line.at.isoformat()


def test_a_tier_that_is_away_reddens_the_audit_and_the_standing(home: Path, run: Run) -> None:
    deposit(home, "silk-road", "Станция 7")
    run("ingest__silk-road")
    (home / "tiers" / "vault").rename(home / "unplugged")

    checked = run("audit__silk-road", everything=True)

    assert checked[""] == ["failed"]
    assert checked["tier-vault.audit"] == ["vault · 1 AIP · 1 unchecked"]
    assert checked["report"] == ["success"]
    assert checked["all_checked"] == ["failed"]


def test_marking_the_approval_a_success_repairs_nothing(home: Path, run: Run) -> None:
    put_in_force(home, "silk-road", repair={"mode": "approved", "approvers": ["archivist"]})
    deposit(home, "silk-road", "Станция 7")
    run("ingest__silk-road")
    run("replicate__silk-road")
    victim = flip_a_byte(home, "mirror")
    damaged = victim.read_bytes()
    run("audit__silk-road", everything=True)

    tried = run("repair__silk-road", succeed="approve")

    assert tried[""] == ["failed"]
    assert tried["approve"] == ["success"]
    assert tried["tier-mirror.damaged"] == ["failed"]
    assert tried["tell_standing"] == ["success"]
    assert victim.read_bytes() == damaged


def test_the_inventory_is_kept_and_nothing_is_looked_at_twice(home: Path, run: Run) -> None:
    from preservation.app.parts import open_home
    from preservation.model.progress import Silence

    with open_home(home) as parts:
        policy = parts.store.governing("silk-road")
        arrival = parts.ingest.arrive(policy, deposit(home, "silk-road", "May"))
        assert parts.ingest.take(policy, arrival, Silence()).outcome == "accepted"
    ran = run("formats")
    assert ran[""] == ["success"]
    assert ran["review"] == ["skipped"]  # the same tools: nothing could be otherwise
    assert len(list((home / "inventory/community=silk-road").rglob("part-*.parquet"))) == 1


def test_people_are_told_once_by_the_mail_server_of_airflows_connection(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = {"to": "mailto:ann@example.org", "findings": "now", "digest": "never", "alive": "weekly"}
    put_in_force(home, "silk-road", notify=[ann])
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "archive@example.org"}
    with mail_server() as box:
        where = {"conn_type": "smtp", "host": "127.0.0.1", "port": box.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SAMARKAND_MAIL", json.dumps(where))
        stood = run("standing__silk-road")
        again = run("notices")
        box.refuse["RCPT"] = "550 gone"
        (home / "cache" / "notices.json").unlink(missing_ok=True)  # derived from the journal
        third = run("notices")
    well = {"": ["success"], "look": ["success"], "note": ["skipped"]}
    assert stood == {**well, "tell_people": ["success"]}
    assert again == third == {"": ["success"], "tell_people": ["success"]}
    assert box.envelopes == [("archive@example.org", ["ann@example.org"])]
    assert "Nothing is held yet" in box.texts[0]


def test_reports_about_months_are_written_by_themselves(home: Path, run: Run) -> None:
    assert run("reports") == {"": ["success"], "write": ["success"]}
    assert not list((home / "reports").rglob("report.html"))  # nothing was held last month
