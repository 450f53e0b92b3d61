"""Who is told what, when, and once: over a real home, a real mail server, and a clock of ours."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import COMMUNITY, Archive
from killing import killed_at
from post_offices import Mailbox, mail_server

from preservation.app.notifying import notice_service, notify, post_office
from preservation.app.upkeep import rebuild_catalogue
from preservation.cli.main import call
from preservation.model.event import EventType
from preservation.model.finding import Severity
from preservation.notices.service import NoticeResult

ANN = "mailto:ann@example.org"
BOB = "mailto:bob@example.org"
EVIL = "x\r\nBcc: evil@example.org\u202e\u0000 <b>丝绸之路"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def home(ground: Path, box: Mailbox) -> Archive:
    """An archive at noon whose policy tells Ann findings, and Bob digests; both greeted."""
    rules = [
        {"to": ANN, "findings": "now", "alive": "monthly"},
        {"to": BOB, "findings": "never", "digest": "daily"},
    ]
    archive = Archive(ground, {"notify": rules})
    settings = archive.home / "samarkand.toml"
    mail = f'[mail]\nserver = "127.0.0.1:{box.port}"\nsecurity = "none"\nsender = "s@example.org"\n'
    settings.write_text(settings.read_text() + mail)
    archive.clock.at = datetime(2030, 1, 2, 10, tzinfo=UTC)
    tell(archive)
    later(archive, hours=2)
    box.raw.clear()
    box.envelopes.clear()
    return archive


def tell(archive: Archive) -> NoticeResult:
    with archive.opened() as (parts, policy):
        return notify(parts, [policy])


def later(archive: Archive, **time: float) -> None:
    archive.clock.at += timedelta(**time)


def find(
    archive: Archive, code: str = "FIX-ALTERED", many: int = 1, tier: str = "", **more: Any
) -> list[str]:
    """Open findings as an audit would."""
    with archive.opened() as (parts, policy):
        opened, events = [], []
        for number in range(many):
            detail = {
                "finding": parts.events.new_id(),
                "code": code,
                "severity": Severity.ERROR.value,
                "subject": f"deposit {number} on vault",
                "message": "a byte differs",
                "hint": "run `preserve repair`",
                **more,
            }
            event = parts.events.of(
                policy.community, EventType.FINDING_OPENED, "fail", detail, tier=tier
            )
            events.append(event)
            opened.append(str(detail["finding"]))
        parts.catalogue.record(events)
        return opened


def close(archive: Archive, finding: str) -> None:
    with archive.opened() as (parts, _):
        detail = {"finding": finding, "reason": "the replica was read back intact", "by": "repair"}
        event = parts.events.of(COMMUNITY, EventType.FINDING_RESOLVED, "success", detail)
        parts.catalogue.record([event])


def test_all_findings_of_one_run_are_one_message_and_told_once(home: Archive, box: Mailbox) -> None:
    found = find(home, many=300)
    tell(home)
    later(home, hours=2)
    tell(home)
    assert box.envelopes == [("s@example.org", ["ann@example.org"])]
    text = box.texts[0]
    assert "300 open findings" in text
    assert "and 280 more: 280 of FIX-ALTERED" in text
    assert "Next: run `preserve repair`" in text
    assert sum(one in text for one in found) == 20
    assert box.letters[0]["Subject"] == "[Samarkand] Notes: 300 new findings"


def test_what_became_of_a_finding_is_told_too(home: Archive, box: Mailbox) -> None:
    (found,) = find(home)
    tell(home)
    close(home, found)
    later(home, hours=2)
    tell(home)
    assert len(box.raw) == 2
    assert "resolved by repair: the replica was read back intact" in box.texts[1]
    assert box.letters[1]["Subject"] == "[Samarkand] Notes: all promises are kept"


def test_more_of_one_cause_waits_an_hour_and_a_critical_one_does_not(
    home: Archive, box: Mailbox
) -> None:
    find(home)
    tell(home)
    find(home)
    assert tell(home).later == (ANN,)
    assert len(box.raw) == 1
    find(home, "FIX-NO-INTACT-REPLICA", severity=Severity.CRITICAL.value)
    tell(home)
    assert "CRITICAL" in box.letters[1]["Subject"]
    assert len(box.raw) == 2
    later(home, hours=2)
    assert tell(home).sent == ()  # what waited went along


def test_another_cause_is_told_at_once_and_takes_along_what_waited(
    home: Archive, box: Mailbox
) -> None:
    find(home, tier="vault")
    tell(home)
    later(home, minutes=1)
    (more,) = find(home, tier="vault")
    assert tell(home).later == (ANN,)
    later(home, minutes=1)
    (elsewhere,) = find(home, tier="mirror")
    tell(home)
    assert len(box.raw) == 2
    assert more in box.texts[1]
    assert elsewhere in box.texts[1]
    later(home, minutes=1)
    find(home, tier="vault")
    find(home, tier="mirror")
    assert tell(home).later == (ANN,)


@pytest.mark.parametrize("drained", [True, False], ids=["folded anew", "from the outbox"])
def test_a_digest_holds_back_no_finding(home: Archive, box: Mailbox, drained: bool) -> None:
    home.clock.at = datetime(2030, 2, 1, 8, tzinfo=UTC)
    tell(home)
    assert "ann@example.org" in [to for _, [to] in box.envelopes]  # a sign of life, just now
    box.raw.clear()
    if drained:
        with home.opened() as (parts, _):
            parts.drain()
        (home.home / "cache/notices.json").unlink(missing_ok=True)
    later(home, minutes=5)
    (found,) = find(home)
    tell(home)
    assert len(box.raw) == 1
    assert found in box.texts[0]
    later(home, minutes=5)
    close(home, found)
    assert tell(home).later == (ANN,)  # good news can wait


def test_a_cause_that_is_critical_in_many_communities_is_no_storm(
    home: Archive, box: Mailbox
) -> None:
    for _ in range(5):  # as the runs of five communities would, one after the other
        find(home, "FIX-NO-INTACT-REPLICA", severity=Severity.CRITICAL.value)
        later(home, minutes=1)
        tell(home)
    assert len(box.raw) == 1
    later(home, minutes=15)
    tell(home)
    assert box.letters[1]["Subject"].startswith("[Samarkand] Notes: CRITICAL: 4 ")
    assert len(box.raw) == 2


def test_what_waits_an_hour_is_told_by_the_run_of_the_next_hour(
    home: Archive, box: Mailbox
) -> None:
    find(home)
    tell(home)
    find(home)
    later(home, minutes=59, seconds=58)
    tell(home)
    assert len(box.raw) == 2


def test_who_was_not_reached_before_is_tried_last(home: Archive, box: Mailbox) -> None:
    find(home)
    box.refuse["RCPT"] = "550 gone"
    tell(home)
    box.refuse.clear()
    later(home, hours=22)
    tell(home)
    assert [to for _, [to] in box.envelopes] == ["bob@example.org", "ann@example.org"]


def test_a_hooks_address_is_a_secret_to_everybody_else(
    ground: Path, box: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "https://127.0.0.1/hooks/SECRET?key=SECRET"
    archive = Archive(ground, {"notify": [{"to": secret}, {"to": ANN, "findings": "now"}]})
    settings = archive.home / "samarkand.toml"
    mail = f'[mail]\nserver = "127.0.0.1:{box.port}"\nsecurity = "none"\nsender = "s@example.org"\n'
    settings.write_text(settings.read_text() + mail)
    run = ["--home", str(archive.home), "--policies", str(archive.policies), "notify"]
    assert [call(run) for _ in range(2)] == [5, 5]
    shown = "".join(capfd.readouterr())
    assert "https://127.0.0.1/…: the hook at 127.0.0.1 has an address" in " ".join(shown.split())
    assert "- https://127.0.0.1/…, since " in box.texts[-1]
    assert "SECRET" not in shown + "".join(box.texts)


def test_a_message_about_somebody_who_is_not_reached_says_so_at_once(
    home: Archive, box: Mailbox
) -> None:
    with home.opened() as (parts, policy):
        eve = dataclasses.replace(policy.notify[0], to="mailto:eve@example.org")
        policy = dataclasses.replace(policy, notify=(*policy.notify, eve))
        box.refuse["RCPT"] = "550 gone"
        notify(parts, [policy])
        box.refuse.clear()
        later(home, hours=2)
        result = notice_service(parts, post_office(parts.home)).run([policy], dry=True)
    told = {message.to: message.subject for message in result.sent}
    assert told[ANN] == "[Samarkand] Notes: not everybody is reached; all promises are kept"


def test_a_crash_at_midnight_sends_the_same_message_again_not_another(
    home: Archive, box: Mailbox
) -> None:
    find(home)
    home.clock.at = home.clock.at.replace(hour=23, minute=59)
    with home.opened() as (parts, policy):
        first = notify(parts, [policy], dry=True).sent[0].id
        later(home, minutes=2)
        assert notify(parts, [policy], dry=True).sent[0].id == first


@pytest.mark.parametrize("strange", ["", "[]", '{"schema": 1}', "stamp"])
def test_a_strange_checkpoint_is_made_again(home: Archive, box: Mailbox, strange: str) -> None:
    find(home)
    tell(home)
    with home.opened() as (parts, _):
        parts.drain()
        kept = parts.home.told
    tell(home)
    data = json.loads(kept.read_bytes())
    data["last"] = {ANN: "yesterday"}
    kept.write_text(json.dumps(data) if strange == "stamp" else strange)
    later(home, hours=2)
    assert tell(home).sent == ()


def test_a_digest_comes_each_morning_and_says_what_happened_the_day_before(
    home: Archive, box: Mailbox
) -> None:
    home.ingest(home.put("stations", {"a.txt": b"one"}))
    home.replicate()
    home.audit()
    later(home, hours=18)  # 06:00
    assert tell(home).sent == ()
    later(home, hours=2)
    tell(home)
    later(home, hours=2)
    tell(home)
    assert [to for _, [to] in box.envelopes] == ["bob@example.org"]
    text = box.texts[0]
    assert "From 2030-01-02 to 2030-01-02 (UTC)" in text
    assert "1 deposits accepted" in text
    assert "checks (" in text
    assert "vault: 1 of 1 replicas verified" in text


def test_who_hears_nothing_for_a_month_hears_that_all_is_alive(home: Archive, box: Mailbox) -> None:
    home.clock.at = datetime(2030, 2, 1, 8, tzinfo=UTC)
    tell(home)
    to_ann = [n for n, (_, [to]) in enumerate(box.envelopes) if to == "ann@example.org"]
    assert [box.letters[n]["Subject"] for n in to_ann] == [
        "[Samarkand] Notes: still alive: all promises are kept"
    ]


def test_a_clock_that_jumped_ahead_and_back_silences_nobody(home: Archive, box: Mailbox) -> None:
    now = home.clock.at
    home.clock.at = now + timedelta(days=365)
    tell(home)
    home.clock.at = now + timedelta(days=1)
    box.envelopes.clear()
    tell(home)
    assert ["bob@example.org"] in [to for _, to in box.envelopes]


def test_killed_between_sending_and_recording_it_is_sent_twice_at_most_never_not(
    home: Archive, box: Mailbox
) -> None:
    find(home)
    moment = home.clock.at
    kill = 1
    while killed_at(lambda: tell(home), kill):
        kill += 1
        home.clock.at = moment  # a crash of the same minute
        assert kill < 400
        if len(box.raw) == 1:
            break
    assert kill > 3
    tell(home)
    tell(home)
    assert len(box.raw) in (1, 2)
    assert len({letter["Message-ID"] for letter in box.letters}) == 1


def test_a_server_that_is_down_loses_nothing_and_is_noted_once(home: Archive, box: Mailbox) -> None:
    find(home)
    box.refuse["MAIL"] = "451 later"
    for _ in range(3):
        later(home, minutes=15)
        assert [failed.to for failed in tell(home).failed] == [ANN]
    notes = [e for e in home.events() if e.type is EventType.NOTIFICATION and e.outcome == "fail"]
    assert len(notes) == 1
    box.refuse.clear()
    tell(home)
    assert len(box.raw) == 1


def test_who_is_not_reached_is_told_to_the_others(home: Archive, box: Mailbox) -> None:
    find(home)
    box.refuse["RCPT"] = "550 gone"
    tell(home)
    box.refuse.clear()
    later(home, hours=20)
    with home.opened() as (parts, policy):
        service = notice_service(parts, post_office(parts.home))
        told = {message.to: message.text for message in service.run([policy], dry=True).sent}
    assert f"Not reached by messages:\n- {ANN}" in told[BOB]


def test_a_rebuilt_catalogue_and_a_lost_checkpoint_tell_nothing_again(
    home: Archive, box: Mailbox
) -> None:
    find(home, many=3)
    tell(home)
    with home.opened() as (parts, _):
        parts.drain()
    shutil.rmtree(home.home / "cache", ignore_errors=True)
    rebuild_catalogue(home.home)
    later(home, hours=2)
    assert tell(home).sent == ()
    assert len(box.raw) == 1


def test_names_from_outside_make_no_line_and_no_header(home: Archive, box: Mailbox) -> None:
    find(home, subject=EVIL, message=EVIL * 100, hint=EVIL)
    tell(home)
    assert box.envelopes == [("s@example.org", ["ann@example.org"])]
    assert box.letters[0]["Bcc"] is None
    assert "\nBcc" not in box.texts[0].replace("\r\n", "\n")
    assert "\u202e" not in box.texts[0]
    assert "丝绸之路" in box.texts[0]


def test_one_cause_in_many_communities_is_one_message_to_who_is_named_by_all(
    home: Archive, box: Mailbox
) -> None:
    with home.opened() as (parts, policy):
        many = [
            dataclasses.replace(policy, community=f"notes-{number}", title={"en": f"N{number}"})
            for number in range(5)
        ]
        result = notify(parts, many)
        again = notify(parts, many)
    assert sorted(message.to for message in result.sent) == [ANN, BOB]
    assert result.sent[0].subject.startswith("[Samarkand] 5 communities: ")
    assert all(f"N{number}\n=" in result.sent[0].text for number in range(5))
    assert again.sent == ()
    noted = [e.community for e in home.events() if e.type is EventType.NOTIFICATION]
    assert sorted(noted[-10:]) == sorted(2 * [f"notes-{number}" for number in range(5)])


def test_a_dry_run_sends_and_records_nothing(home: Archive, box: Mailbox) -> None:
    find(home)
    before = len(home.events())
    with home.opened() as (parts, policy):
        assert [message.to for message in notify(parts, [policy], dry=True).sent] == [ANN]
    assert box.raw == []
    assert len(home.events()) == before
