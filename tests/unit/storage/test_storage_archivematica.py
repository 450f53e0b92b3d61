"""Another institution's packages: listed, asked about by the real ``fixity``, never believed more
than they say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from storage_services import ACCOUNT, KEY, Answering, Service, fixity, storage_service

from preservation.errors import TierUnavailableError
from preservation.model.canonical import canonical
from preservation.storage.archivematica import service as asking
from preservation.storage.archivematica.service import StorageService
from preservation.storage.archivematica.source import ArchivematicaSource
from preservation.storage.archivematica.statement import read_statement

SOUND, ROTTEN, THIRD = (f"{n}d5b1a3e-2b1c-4c5e-9d5b-0123456789ab" for n in "123")


@pytest.fixture
def service() -> Iterator[Service]:
    with storage_service() as running:
        for uuid in (SOUND, ROTTEN, THIRD):
            running.keep(uuid, uuid.encode())
        yield running


def source(service: Service, within: str = "") -> ArchivematicaSource:
    return ArchivematicaSource(service.spec(), ACCOUNT, within)


def test_every_page_is_listed_and_the_key_is_in_no_address(service: Service) -> None:
    service.gone.add(THIRD)
    found = {one.uuid: one.is_kept for one in source(service).packages()}
    assert found == {SOUND: True, ROTTEN: True, THIRD: False}
    assert service.keys == {f"ApiKey samarkand:{KEY}"}
    assert not any(KEY in path or "api_key" in path for path in service.asked)


def test_the_holder_states_what_it_finds(service: Service) -> None:
    service.octets[ROTTEN] += b"x"
    asked = source(service, fixity())
    sound, rotten = asked.state(SOUND), asked.state(ROTTEN)
    assert (sound.outcome, sound.exit, sound.failures["changed"]) == ("pass", 0, 0)
    assert sound.stated_at == "2026-11-22T07:00:00"
    assert sound.program.startswith("fixity ")
    assert (rotten.outcome, rotten.exit) == ("fail", 1)
    assert rotten.failures == {"missing": 0, "changed": 1, "untracked": 0}
    assert rotten.files == ("changed: data/one",)
    assert not any(KEY in path for path in service.asked)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"success": None, "message": "not here"}, "not run"),  # its exit status is 0
        ({"message": "no word of success"}, "not run"),
        ({"success": "true", "message": ""}, "unclear"),  # 0, and not a word
        ({"success": 1, "message": ""}, "unclear"),
        ({"success": [True], "message": {"a": "b"}}, "unclear"),
        ({"success": True}, "unclear"),  # no message: the program stumbles, and exits with 0
        ({"success": True, "message": "", "timestamp": "2026-11-22T07:00:00Z"}, "unclear"),
        (
            {"success": True, "message": "", "failures": {"files": {"changed": [{"path": "a"}]}}},
            "unclear",
        ),
        ([1, 2], "unclear"),
        (b"<html>please log in</html>", "unclear"),
    ],
)
def test_what_an_exit_status_hides_is_no_pass(
    service: Service, answer: object, outcome: str
) -> None:
    def odd(request: Answering, path: str) -> bool:
        if path.endswith("check_fixity/"):
            request.say(200, answer)
            return True
        return False

    service.misbehave = odd
    stated = source(service, fixity()).state(SOUND)
    assert stated.outcome == outcome, stated


def test_what_is_in_the_way_of_one_check_is_told_with_it(service: Service) -> None:
    def elsewhere(request: Answering, path: str) -> bool:
        if path.endswith("check_fixity/"):
            request.say(302, {}, Location="http://127.0.0.1:1/")
            return True
        return False

    service.misbehave = elsewhere
    stated = source(service, fixity()).state(SOUND)
    assert stated.outcome == "not run"
    assert "another address" in stated.reason
    assert source(service, fixity()).state("9" + SOUND[1:]).outcome == "not run"


def test_a_check_that_takes_too_long_is_ended(service: Service) -> None:
    def dripping(request: Answering, path: str) -> bool:
        if path.endswith("check_fixity/"):
            request.drip()
            return True
        return False

    service.misbehave = dripping
    stated = source(service, fixity()).state(SOUND, within=0.5)
    assert stated.outcome == "not run"
    assert "took longer" in stated.reason


def endless(request: Answering, path: str) -> bool:
    more = "/api/v2/file/?offset=0"
    request.say(200, {"meta": {"next": more}, "objects": []})
    return True


def repeating(request: Answering, path: str) -> bool:
    row = {"uuid": SOUND, "package_type": "AIP", "status": "UPLOADED"}
    number = len(request.server.service.asked)  # type: ignore[attr-defined]
    more = f"/api/v2/file/?offset={number}"
    request.say(200, {"meta": {"next": more}, "objects": [row]})
    return True


def answering(status: int, document: object, **headers: str):
    def misbehave(request: Answering, path: str) -> bool:
        request.say(status, document, **headers)
        return True

    return misbehave


_ROW = {"uuid": SOUND, "package_type": "AIP", "status": "UPLOADED"}


@pytest.mark.parametrize(
    ("misbehave", "words"),
    [
        (endless, "repeats itself"),
        (repeating, "repeats itself"),
        (answering(200, b"<html>please log in</html>"), "else than JSON"),
        (answering(200, b"[" * 100_000), "else than JSON"),
        (answering(200, b" " * 3000), "more than"),
        (answering(200, {"objects": []}), "without objects or meta.next"),
        (answering(200, {"meta": {"next": 7}, "objects": []}), "not made as the API says"),
        (answering(200, {"meta": {"next": None}, "objects": {}}), "not made as the API says"),
        (answering(200, {"meta": {"next": None}, "objects": [_ROW | {"uuid": "../x"}]}), "UUID"),
        (answering(200, {"meta": {"next": None}, "objects": [_ROW | {"status": 1}]}), "no text"),
        (answering(200, {"meta": {"next": None}, "objects": [7]}), "UUID"),
        (answering(200, {"meta": {"next": "http://["}, "objects": []}), "no address"),
        (answering(200, {"meta": {"next": "/?" + "a=1&" * 99}, "objects": []}), "no address"),
        (answering(302, {}, Location="http://127.0.0.1:1/"), "another address"),
        (answering(401, {}), "API key is wrong"),
        (answering(404, {}), "no Storage Service at that path"),
        (answering(500, {}), "it says 500"),
    ],
)
def test_a_hostile_listing_is_bounded_and_told(
    service: Service, monkeypatch: pytest.MonkeyPatch, misbehave: object, words: str
) -> None:
    monkeypatch.setattr(asking, "MOST", 2000 if words == "more than" else asking.MOST)
    service.misbehave = misbehave  # type: ignore[assignment]
    with pytest.raises(TierUnavailableError, match=words) as told:
        list(source(service).packages())
    assert told.value.hint
    assert KEY not in told.value.message + told.value.hint


def test_a_service_that_drips_or_is_away_ends(service: Service) -> None:
    service.misbehave = lambda request, path: request.drip() or True
    slow = StorageService(service.spec(), ACCOUNT)
    with pytest.raises(TierUnavailableError, match="took longer"):
        slow.get("api/v2/file/", within=0.5)
    with pytest.raises(TierUnavailableError, match="not in the environment"):
        ArchivematicaSource(service.spec(), {}, "").check()


def test_without_the_program_it_says_how_to_have_it(service: Service) -> None:
    with pytest.raises(TierUnavailableError, match="not named") as told:
        source(service).state(SOUND)
    assert told.value.code == "TIER-NO-FIXITY"
    assert [one.holds for one in source(service).prove()] == [True, False]


def test_words_of_a_listing_can_be_kept_and_shown(service: Service) -> None:
    odd = {"uuid": SOUND, "package_type": "AIP\ud800", "status": "\x1b[2J", "size": 10**30}
    service.misbehave = answering(200, {"meta": {"next": None}, "objects": [odd]})
    (package,) = source(service).packages()
    assert (package.octets, package.is_kept) == (None, False)
    canonical({"status": package.status, "kind": package.kind})
    assert "\x1b" not in package.status


def test_a_line_about_another_package_is_no_statement() -> None:
    line = f"Fixity scan succeeded for AIP: {ROTTEN}"
    report = json.dumps({"success": True, "message": ""}).encode()
    assert read_statement(SOUND, line, report, "fixity", 0).outcome == "unclear"
    both = f"{line}\nFixity scan succeeded for AIP: {SOUND}"
    assert read_statement(SOUND, both, report, "fixity", 0).outcome == "unclear"
    assert read_statement(SOUND, line, report, "fixity", None).outcome == "unclear"
    assert read_statement(ROTTEN, line, report, "fixity", 0).outcome == "pass"
