"""Answers that were given before: found again, bounded, never in the way."""

from __future__ import annotations

import hashlib

import pytest

from preservation.formats.answers import Answers
from preservation.formats.identifier import FormatIdentifier
from preservation.model.identification import Basis, Identification

CSV = Identification(
    "x-fmt/18", "CSV", mime="text/csv", basis=Basis.EXTENSION, candidates=("fmt/1",)
)
LOCAL = Identification(name="SAM", local="samarkand/sam", basis=Basis.LOCAL, flags=("truncated",))


def test_an_answer_is_found_by_digest_extension_and_toolchain(tmp_path):
    with Answers(tmp_path / "a" / "known.sqlite", "tools 1") as kept:
        kept.keep({("aa", "csv"): CSV, ("bb", "sam"): LOCAL})
    with Answers(tmp_path / "a" / "known.sqlite", "tools 1") as kept:
        assert kept.find([("aa", "csv"), ("bb", "sam"), ("aa", "txt"), ("cc", "csv")]) == {
            ("aa", "csv"): CSV,
            ("bb", "sam"): LOCAL,
        }
    with Answers(tmp_path / "a" / "known.sqlite", "tools 2") as kept:
        assert kept.find([("aa", "csv")]) == {}


@pytest.mark.parametrize("flag", ["timeout", "crashed", "unreadable"])
def test_what_could_not_be_looked_at_is_asked_again(tmp_path, flag):
    with Answers(tmp_path / "known.sqlite", "tools") as kept:
        kept.keep({("aa", "csv"): Identification(flags=(flag,))})
        assert kept.find([("aa", "csv")]) == {}


def test_the_oldest_go_first(tmp_path):
    with Answers(tmp_path / "known.sqlite", "tools", most=10) as kept:
        for number in range(25):
            kept.keep({(str(number), ""): CSV})
        assert set(kept.find([(str(number), "") for number in range(25)])) == {
            (str(number), "") for number in range(15, 25)
        }


def test_a_file_that_is_none_of_ours_is_made_anew(tmp_path):
    path = tmp_path / "known.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with Answers(path, "tools") as kept:
        kept.keep({("aa", ""): CSV})
        assert kept.find([("aa", "")]) == {("aa", ""): CSV}


def test_where_nothing_can_be_written_answers_are_given_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    with Answers(tmp_path / "file" / "known.sqlite", "tools") as kept:
        kept.keep({("aa", ""): CSV})
        assert kept.find([("aa", "")]) == {("aa", ""): CSV}


def test_an_unchanged_file_is_never_identified_twice(tmp_path):
    """The second time the file is not even there."""
    data = b"a,b\n1,2\n"
    digest = hashlib.sha256(data).hexdigest()
    for name in ("one.csv", "two.csv", "three.txt"):
        (tmp_path / name).write_bytes(data)
    names = [b"one.csv", b"two.csv", b"three.txt"]
    with FormatIdentifier(known=tmp_path / "known.sqlite") as identifier:
        first = identifier.identify(tmp_path, names, [digest] * 3)
    for name in names:
        (tmp_path / name.decode()).unlink()
    with FormatIdentifier(known=tmp_path / "known.sqlite") as identifier:
        assert identifier.identify(tmp_path, names, [digest] * 3) == first
    assert [one.puid for one in first] == ["x-fmt/18", "x-fmt/18", "x-fmt/111"]
