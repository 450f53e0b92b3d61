"""Plans and their applying in a real home: against what is held, killed anywhere, two at once."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from buckets import CREDENTIAL, KEYS, free_port
from homes import Archive
from killing import each_kill

from preservation.app.editing import edited_policies
from preservation.app.home import find_home
from preservation.app.planning import make_plan
from preservation.app.policies import apply_policies, read_policies
from preservation.cli.main import call
from preservation.errors import BusyError
from preservation.ledger.policies import PolicyFiles
from preservation.model.event import EventType
from preservation.policy.plan import Plan

LESS = {
    "replicas": [{"tier": "vault", "packaging": "folder"}, {"tier": "deep", "packaging": "tar"}]
}


def _plan(archive: Archive) -> Plan:
    with archive.opened() as (parts, _):
        return make_plan(parts, read_policies(archive.policies).require())


def _assigned(archive: Archive) -> Counter[str]:
    return Counter(e.policy for e in archive.events() if e.type is EventType.POLICY_ASSIGNMENT)


def _preserve(archive: Archive, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Run the real command; its exit code and document."""
    capsys.readouterr()
    where = ["--home", str(archive.home), "--policies", str(archive.policies)]
    code = call([*where, "policy", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_plan_counts_what_is_held_and_changes_nothing(archive: Archive) -> None:
    for name in ("one", "two"):
        archive.ingest(archive.put(name, {"a.txt": name.encode()}))
    archive.replicate()
    before = sorted(path for path in archive.home.rglob("*") if "scratch" not in path.parts)
    archive.write_policies(LESS | {"intake": {"formats": {"refused": ["x-fmt/111"]}}})

    (proposal,) = _plan(archive).proposals

    assert (proposal.aips, proposal.versions, proposal.octets) == (2, 2, 6)
    assert [(one.tier, one.replicas) for one in proposal.effects.retiring] == [("mirror", 2)]
    assert proposal.effects.making == ()
    assert [(one.puid, one.files) for one in proposal.effects.refused] == [("x-fmt/111", 2)]
    assert [change.path for change in proposal.weakening] == ["replicas.mirror"]
    assert proposal.effects.independence[1].startswith("2 replicas in 1 failure domain at 1 site")
    after = sorted(path for path in archive.home.rglob("*") if "scratch" not in path.parts)
    assert after == before


def test_an_apply_that_was_killed_loses_no_event(ground: Path) -> None:
    pattern = Archive(ground)
    pattern.write_policies({"contact": "somebody else"})
    checked = read_policies(pattern.policies)
    folders = (ground / str(number) for number in itertools.count())
    scene: list[Archive] = []

    def prepare() -> Callable[[], object]:
        scene[:] = [archive] = [pattern.copied_to(next(folders))]
        home = find_home(archive.home)
        return lambda: apply_policies(home, checked, "ann", "a change", archive.clock)

    completed = set()
    for _ in each_kill(prepare):
        with scene[0].opened() as (_, policy):  # the next command
            pass
        assigned = _assigned(scene[0])
        assert assigned[policy.ref] == 1
        assert set(assigned.values()) == {1}
        completed.add(policy.contact)
    assert completed == {"us", "somebody else"}


def test_the_plan_is_kept_as_evidence_and_the_history_tells_all(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.write_policies(LESS)

    refused, told = _preserve(archive, capsys, "apply", "--reason", "less to pay")
    assert (refused, told["error"]["code"]) == (2, "POL-WEAKENING")
    assert _preserve(
        archive, capsys, "apply", "--reason", "less to pay", "--consent", "the council"
    )[1]["changed"] == ["notes"]

    _, said = _preserve(archive, capsys, "history", "notes")
    newest, first = said["policies"]
    assert (newest["reason"], newest["consent"]) == ("less to pay", "the council")
    assert (newest["previous"], first["previous"]) == (first["digest"], None)
    _, evidence = _preserve(archive, capsys, "show", newest["plan"])
    assert evidence["document"]["communities"]["notes"]["digest"] == newest["digest"]
    _, differing = _preserve(archive, capsys, "diff", first["digest"][:20], "notes")
    assert [change["path"] for change in differing["changes"] if change["weakening"]] == [
        "replicas.mirror"
    ]
    _, unknown = _preserve(archive, capsys, "show", "ffffff")
    assert unknown["error"]["code"] == "POL-UNKNOWN-DIGEST"


def test_a_community_whose_file_is_gone_pauses_and_comes_back_with_its_promises(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    file = archive.policies / "notes.yaml"
    there = file.read_text()
    file.unlink()
    apply = ("apply", "--reason", "they left")
    assert _preserve(archive, capsys, "plan")[1]["pausing"] == ["notes"]
    assert _preserve(archive, capsys, *apply)[1]["error"]["code"] == "POL-WEAKENING"

    assert _preserve(archive, capsys, *apply, "--consent", "ann")[1]["paused"] == ["notes"]

    assert _preserve(archive, capsys, "plan")[1]["pausing"] == []
    assert edited_policies(PolicyFiles(archive.home / "policies"), archive.policies) == []
    assert _preserve(archive, capsys, "status")[1]["communities"]["notes"]["paused"]
    archive.write_policies(LESS)
    assert _preserve(archive, capsys, *apply)[1]["error"]["code"] == "POL-WEAKENING"
    file.write_text(there)
    assert _preserve(archive, capsys, "plan")[1]["communities"]["notes"]["resumes"]
    assert _preserve(archive, capsys, *apply)[1]["changed"] == ["notes"]
    assert not _preserve(archive, capsys, "status")[1]["communities"]["notes"]["paused"]


def test_people_whom_nothing_would_reach_are_told_of_before_they_are_promised_anything(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.write_policies({"notify": [{"to": "mailto:ann@example.org"}, {"to": "hook:chat"}]})

    mail, hook = _preserve(archive, capsys, "plan")[1]["advice"]

    assert mail.startswith("notes: notify names mailto:ann@example.org, and no mail server")
    assert hook.startswith("notes: notify names hook:chat, and no hook")
    with (archive.home / "samarkand.toml").open("a") as settings:
        settings.write('[hooks]\nchat = "https://chat.example.org/x"\n')
    assert _preserve(archive, capsys, "plan")[1]["advice"] == [mail]


def test_a_tier_that_is_declared_elsewhere_has_to_be_there_already(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.ingest(archive.put("one", {"a.txt": b"one"}))
    archive.replicate()
    tiers = archive.policies / "tiers.yaml"
    mirror = archive.tier("mirror")
    tiers.write_text(tiers.read_text().replace("tiers/mirror", "tiers/moved"))
    apply = ("apply", "--reason", "a new disk")

    assert _preserve(archive, capsys, *apply)[1]["error"]["code"] == "POL-TIER-ELSEWHERE"
    assert not mirror.with_name("moved").exists()
    mirror.rename(mirror.with_name("moved"))
    assert _preserve(archive, capsys, *apply)[0] == 0


def test_a_place_that_does_not_answer_is_asked_again_later(
    archive: Archive, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.ingest(archive.put("one", {"a.txt": b"one"}))
    archive.replicate()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    endpoint = f"http://127.0.0.1:{free_port()}"
    bucket = {"kind": "s3", "endpoint": endpoint, "bucket": "keeping", "credential": CREDENTIAL}
    bucket |= {"site": "here", "operator": "us", "technology": "a bucket"}
    archive.instead = {"deep": bucket}
    archive.write_policies({})

    code, said = _preserve(archive, capsys, "apply", "--reason", "into a bucket")

    assert (code, said["error"]["code"], said["error"]["retry"]) == (5, "POL-TIER-SILENT", True)


def test_of_two_administrators_one_wins_and_the_other_plans_again(
    archive: Archive, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    archive.write_policies({"contact": "ann"})
    code, plan = _preserve(archive, capsys, "plan")
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    archive.write_policies({"contact": "bob"})
    apply = ("apply", "--reason", "mine")
    with_plan = (*apply, "--plan", str(tmp_path / "plan.json"))

    assert code == 0
    _, other_files = _preserve(archive, capsys, *with_plan)
    assert "say something else" in other_files["error"]["message"]
    assert _preserve(archive, capsys, *apply)[0] == 0
    archive.write_policies({"contact": "ann"})
    exit_code, late = _preserve(archive, capsys, *with_plan)
    assert (exit_code, late["error"]["code"]) == (5, "POL-STALE")
    with archive.opened() as (_, policy):
        assert policy.contact == "bob"


def test_a_plan_that_somebody_overtook_is_refused_by_the_store(archive: Archive) -> None:
    plan = _plan(archive)
    archive.write_policies({"contact": "bob"})
    with archive.opened() as (parts, _):
        bob = read_policies(archive.policies)
        apply_policies(parts.home, bob, "bob", "first", archive.clock)
        with pytest.raises(BusyError):
            apply_policies(parts.home, bob, "ann", "late", archive.clock, expected=plan.in_force)


def test_edited_files_are_told_by_bytes_seen_before_or_by_a_check(archive: Archive) -> None:
    store = PolicyFiles(archive.home / "policies")

    assert edited_policies(store, archive.policies) == []
    assert edited_policies(store, archive.policies) == []
    archive.write_policies({"contact": "somebody else"})
    assert edited_policies(store, archive.policies) == ["notes"]
    archive.write_policies({})
    assert edited_policies(store, archive.policies) == []


def test_the_history_says_what_is_in_force(archive: Archive) -> None:
    for contact in ("ann", "bob", "us"):
        archive.write_policies({"contact": contact})
        with archive.opened() as (parts, _):
            checked = read_policies(archive.policies)
            apply_policies(parts.home, checked, "ann", contact, archive.clock)

    store = PolicyFiles(archive.home / "policies")
    folded = {}
    for amendment in reversed(list(store.history())):
        folded |= {name: step.digest for name, step in amendment.communities.items()}

    assert folded == {name: line.digest for name, line in store.in_force().items()}
    assert len(list(store.history())) == 4
    assert store.unrecorded() == []


def test_a_simulation_compares_what_is_in_force_with_a_draft(
    archive: Archive, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    draft = tmp_path / "notes.yaml"
    archive.write_policies(LESS)
    draft.write_text((archive.policies / "notes.yaml").read_text())
    archive.write_policies({})
    words = (
        "simulate",
        "--against",
        str(draft),
        "--aips",
        "1000",
        "--svg",
        str(tmp_path / "a.svg"),
    )

    code, said = _preserve(archive, capsys, *words)

    assert code == 0
    first, second = said["policies"]
    assert (first["policy"], second["policy"]) == ("notes, in force", "notes, proposed")
    assert said["comparisons"][0].startswith("notes, proposed: loses AIPs")
    assert first["assumptions"]
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    nowhere = str(tmp_path / "nowhere" / "a.html")
    _, refused = _preserve(archive, capsys, "plan", "--html", nowhere)
    assert refused["error"]["code"] == "FILE-NOT-WRITTEN"


@pytest.mark.parametrize("damage", [None, b"", b"[]"])
def test_what_is_in_force_is_made_again_from_the_history(
    archive: Archive, capsys: pytest.CaptureFixture[str], damage: bytes | None
) -> None:
    archive.write_policies({"contact": "ann"})
    assert _preserve(archive, capsys, "apply", "--reason", "a change")[0] == 0
    lost = archive.home / "policies" / "in-force.json"
    there = lost.read_bytes()
    lost.unlink() if damage is None else lost.write_bytes(damage)

    assert _preserve(archive, capsys, "recover")[1]["communities"] == ["notes"]

    assert lost.read_bytes() == there
    assert _preserve(archive, capsys, "history")[0] == 0
