"""Paths of tiers and inboxes: none in another, none in the home's own places."""

from __future__ import annotations

import pytest

from preservation.policy.check import check
from preservation.policy.ground import Claim, overlaps
from preservation.policy.problem import Place


def _claims(*paths: str) -> list[Claim]:
    return [Claim(path, path, "", Place("a.yaml", n + 1), False) for n, path in enumerate(paths)]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (("a", "a"), [("a", "a")]),
        (("a/b", "a"), [("a", "a/b")]),
        (("a", "ab", "a-b/c", "a/b/c"), [("a", "a/b/c")]),
        (("/a", "a"), []),
        (("a", "a/b", "a/b/c", "a/d"), [("a", "a/b"), ("a/b", "a/b/c"), ("a", "a/d")]),
        (("a.b/x", "a/b", "a"), [("a", "a/b")]),
    ],
)
def test_a_path_in_another_is_found_whatever_its_name(
    paths: tuple[str, ...], found: list[tuple[str, str]]
) -> None:
    assert [(one.path, two.path) for one, two in overlaps(_claims(*paths))] == found


def test_a_thousand_in_one_inbox_are_a_thousand_pairs() -> None:
    assert len(list(overlaps(_claims(*["inbox"] * 1001)))) == 1000


def test_of_a_tier_and_an_inbox_the_inbox_has_to_move(files: dict[str, str]) -> None:
    files["letters.yaml"] = files["notes.yaml"].replace("notes", "letters")
    files["notes.yaml"] += "intake: {inbox: tiers}\n"

    checked = check(files)

    assert {problem.file for problem in checked.problems} == {"notes.yaml"}
    assert list(checked.effective) == ["letters"]
