"""Lenient modes take what they name and nothing else, and the result says that they were used."""

from __future__ import annotations

from pathlib import Path

import pytest
from bagmaker import QUIET, SETTINGS, by_hand, sha512

from preservation.bags.lenient import ALL, SOFTENED, Leniency, leniencies
from preservation.bags.validate import BagReport, validate
from preservation.errors import UsageError

UTF8 = "Tag-File-Character-Encoding: UTF-8\n"


def line(path: str, data: bytes = b"x") -> str:
    return f"{sha512(data)}  {path}\n"


DEPARTURES: dict[Leniency, list[dict]] = {
    Leniency.PERCENT_ENCODING: [
        {"payload": {"data/100%": b"x"}, "files": {"manifest-sha512.txt": line("data/100%")}},
        {"payload": {"data/a%25b": b"x"}, "files": {"manifest-sha512.txt": line("data/a%25b")}},
        {"payload": {"data/a b": b"x"}, "files": {"manifest-sha512.txt": line("data/a%20b")}},
    ],
    Leniency.BOM: [{"files": {"bag-info.txt": "\ufeffA: b\n"}}],
    Leniency.ASTERISK: [
        {"files": {"manifest-sha512.txt": f"{sha512(b'hello')} *data/hello.txt\n"}}
    ],
    Leniency.DOT_SLASH: [{"files": {"manifest-sha512.txt": line("./data/hello.txt", b"hello")}}],
    Leniency.DUPLICATES: [
        {"files": {"manifest-sha512.txt": 2 * line("data/hello.txt", b"hello")}},
        {"files": {"bag-info.txt": 2 * "Payload-Oxum: 5.1\n"}},
    ],
    Leniency.DECLARATION: [{"files": {"bagit.txt": f"BagIt-Version: 1.0 \n{UTF8}\n"}}],
    Leniency.BAG_INFO: [{"files": {"bag-info.txt": "A:b\nPayload-Oxum :5.1\n"}}],
    Leniency.ALGORITHM_NAMES: [
        {
            "files": {
                "manifest-SHA-512.txt": line("data/hello.txt", b"hello"),
                "manifest-sha512.txt": None,
            }
        }
    ],
}
CASES = [(mode, made) for mode, several in DEPARTURES.items() for made in several]


def check(folder: Path, *lenient: Leniency) -> BagReport:
    return validate(folder, lenient=frozenset(lenient), settings=SETTINGS, progress=QUIET)


@pytest.mark.parametrize(("mode", "made"), CASES)
def test_each_mode_takes_what_it_names_and_says_so(
    tmp_path: Path, mode: Leniency, made: dict
) -> None:
    folder = by_hand(tmp_path / "bag", made.get("payload"), files=made["files"])
    strict = check(folder)
    assert not strict.valid
    assert strict.lenient == ()
    report = check(folder, mode)
    assert report.valid, report.findings
    assert report.fixity_checked
    assert report.lenient == (mode,)
    assert report.to_json()["lenient"] == [mode.value]
    assert check(folder, *(ALL - {mode})).valid is False


def test_every_mode_is_tried() -> None:
    assert DEPARTURES.keys() == set(Leniency) == set(SOFTENED.values())


def test_what_a_version_allows_is_no_leniency(tmp_path: Path) -> None:
    files = {"manifest-sha512.txt": f"{sha512(b'hello')} *data/hello.txt\n"}
    folder = by_hand(tmp_path / "bag", version="0.97", files=files)
    assert check(folder, *ALL).lenient == ()


def test_damage_stays_damage_in_every_mode(tmp_path: Path) -> None:
    files = {"manifest-sha512.txt": line("data/a%20b", b"other")}
    folder = by_hand(tmp_path / "bag", {"data/a b": b"x"}, files=files)
    report = check(folder, *ALL)
    assert "BAG-FILE-DIFFERS" in {finding.code for finding in report.findings}
    assert not report.valid


def test_doubtful_names_are_not_paired(tmp_path: Path) -> None:
    files = {"manifest-sha512.txt": line("data/a%20b")}
    folder = by_hand(tmp_path / "bag", {"data/a b": b"x", "data/a+b": b"x"}, files=files)
    assert not check(folder, *ALL).valid


def test_modes_are_named_on_the_command_line() -> None:
    assert leniencies(["bom", "asterisk"]) == {Leniency.BOM, Leniency.ASTERISK}
    assert leniencies(["all"]) == ALL
    with pytest.raises(UsageError, match="no lenient mode: boom"):
        leniencies(["boom"])
