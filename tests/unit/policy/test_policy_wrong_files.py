"""Wrong policy files, each with exactly the problems that an administrator reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from preservation.errors import PolicyError
from preservation.formats.groups import known_groups
from preservation.policy.advice import advice
from preservation.policy.check import check
from preservation.policy.problem import CODES, Problem

WRONG = yaml.safe_load((Path(__file__).parent / "wrong_files.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong["what"] for wrong in WRONG])
def test_a_wrong_file_is_told_with_place_found_and_allowed(
    files: dict[str, str], wrong: dict[str, Any]
) -> None:
    assert wrong["old"] in files[wrong["file"]]
    files[wrong["file"]] = files[wrong["file"]].replace(wrong["old"], wrong["new"])

    checked = check(files, known_groups())

    assert [str(problem) for problem in checked.problems] == wrong["told"]
    assert checked.effective == {}


def test_the_files_that_are_broken_here_are_right_before(files: dict[str, str]) -> None:
    checked = check(files)

    assert checked.problems == []
    assert list(checked.effective) == ["notes"]


def test_every_code_that_is_told_is_documented() -> None:
    told = {line.rpartition("[")[2].rstrip("]") for wrong in WRONG for line in wrong["told"]}

    assert told == set(CODES)


def test_all_mistakes_are_told_at_once(files: dict[str, str]) -> None:
    files["notes.yaml"] = (
        "version: 1\ncommunity: Notes\ntitel: {en: Notes}\n"
        "replicas:\n  - {tier: miror, packaging: zip}\nminimum: {replicas: none}\n"
    )
    files["tiers.yaml"] += "  attic: {kind: tape}\n"

    places = [(p.file, p.line, p.path) for p in check(files).problems]

    assert places == [
        ("notes.yaml", 1, "title"),
        ("notes.yaml", 2, "community"),
        ("notes.yaml", 3, "titel"),
        ("notes.yaml", 5, "replicas[0].tier"),
        ("notes.yaml", 5, "replicas[0].packaging"),
        ("notes.yaml", 6, "minimum.replicas"),
        ("tiers.yaml", 5, "tiers.attic.operator"),
        ("tiers.yaml", 5, "tiers.attic.site"),
        ("tiers.yaml", 5, "tiers.attic.technology"),
        ("tiers.yaml", 5, "tiers.attic.kind"),
    ]


def test_one_wrong_community_does_not_stop_the_others(files: dict[str, str]) -> None:
    files["letters.yaml"] = files["notes.yaml"].replace("notes", "letters")
    files["notes.yaml"] = "version: [\n"

    checked = check(files)

    assert list(checked.effective) == ["letters"]
    assert checked.communities == ("letters", "notes")
    assert {problem.file for problem in checked.problems} == {"notes.yaml"}


def test_a_wrong_tier_stops_only_those_that_use_it(files: dict[str, str]) -> None:
    files["tiers.yaml"] += "  attic: {kind: tape, path: a, site: b, operator: c, technology: d}\n"

    assert list(check(files).effective) == ["notes"]


def test_two_communities_in_one_inbox_are_both_told(files: dict[str, str]) -> None:
    shared = "intake: {inbox: inbox/all}\nminimum:"
    files["notes.yaml"] = files["notes.yaml"].replace("minimum:", shared)
    files["letters.yaml"] = files["notes.yaml"].replace("notes", "letters")

    checked = check(files)

    assert checked.effective == {}
    assert [(p.file, p.path, p.allowed) for p in checked.problems] == [
        ("letters.yaml", "intake.inbox", 'a path apart from the inbox of notes, "inbox/all"'),
        ("notes.yaml", "intake.inbox", 'a path apart from the inbox of letters, "inbox/all"'),
    ]


def test_a_file_that_is_missing_is_told_by_its_name(files: dict[str, str]) -> None:
    del files["baseline.yaml"]

    assert [(p.file, p.code) for p in check(files).problems] == [("baseline.yaml", "POL-FILE")]


@pytest.mark.parametrize(
    "name", ["Notes.yaml", "../notes.yml", "nоtes.yaml", "a--b.yaml", "-a.yaml", "notes"]
)
def test_a_name_that_is_no_community_is_told(files: dict[str, str], name: str) -> None:
    files[name] = files.pop("notes.yaml")

    checked = check(files)

    assert [(p.file, p.code) for p in checked.problems] == [(name, "POL-FILE")]
    assert checked.communities == ()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\xff\xfev\x00e\x00", "bytes that are not UTF-8"),
        (b"# " + b"x" * 1024**2, "1048578 bytes"),
        (b"[" * 100_000, "deeper nesting"),
        (b"", "an empty file"),
        (b"a: \x00", "the character U+0000"),
        (b"? {a: b}\n: c", "a list or mapping as a name"),
    ],
)
def test_what_is_no_policy_text_is_refused_at_once(
    files: dict[str, str], content: bytes, found: str
) -> None:
    told = [problem.found for problem in check({**files, "notes.yaml": content}).problems]

    assert told == [found]


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(files: dict[str, str]) -> None:
    there = {
        name: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for name, text in files.items()
    }

    assert check(there).effective == check(files).effective


def test_thousands_of_mistakes_are_counted_not_printed(files: dict[str, str]) -> None:
    files["notes.yaml"] += "".join(f"mistake{n}: 1\n" for n in range(20_000))

    problems = check(files).problems

    assert len(problems) == 101
    assert problems[-1].found == "19900 more problems in this file"


def test_a_policy_error_carries_every_problem(files: dict[str, str]) -> None:
    files["notes.yaml"] = files["notes.yaml"].replace("folder", "fodler")

    with pytest.raises(PolicyError) as caught:
        check(files).require()

    assert "notes.yaml:5:30: replicas[0].packaging" in caught.value.message


def test_a_problem_says_the_same_to_machines(files: dict[str, str]) -> None:
    problem = Problem("a.yaml", 3, 5, "x.y", '"1"', "2", "try 2")

    assert problem.to_json() == {
        "code": "POL-VALUE",
        "file": "a.yaml",
        "line": 3,
        "column": 5,
        "path": "x.y",
        "found": '"1"',
        "allowed": "2",
        "hint": "try 2",
    }


def test_a_budget_below_what_one_deposit_may_bring_is_advised_against(
    files: dict[str, str],
) -> None:
    small = "minimum:", "audit: {budget: 1 GiB}\nminimum:"

    assert advice(check(files).effective) == []
    files["notes.yaml"] = files["notes.yaml"].replace(*small)

    (told,) = advice(check(files).require().effective)
    assert "up to 40.5 GiB held, and one deposit may have 2.0 TiB" in told


def test_a_letter_that_only_looks_like_one_is_named(files: dict[str, str]) -> None:
    files["notes.yaml"] = files["notes.yaml"].replace("community: notes", "community: nоtes")
    files["lеtters.yaml"] = ""

    assert {problem.hint for problem in check(files).problems} == {
        "character 2 is U+043E, cyrillic small letter o",
        "character 2 is U+0435, cyrillic small letter ie",
    }
