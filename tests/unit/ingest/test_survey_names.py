"""What may go wrong with a name."""

from __future__ import annotations

import pytest

from preservation.ingest.survey_names import extension_of, folded, hazards_of, is_long_path


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        (b"station-7_2024.csv", []),
        ("撒马尔罕.csv".encode(), []),
        ("Самарканд ʻoʻzbekʻ.csv".encode(), []),
        ("می\u200cخواهم.txt".encode(), []),
        (b"\xff\xfe.csv", ["SUR-NAME-UTF8"]),
        (b"line\nbreak", ["SUR-NAME-CONTROL"]),
        (b"esc\x1b[31m", ["SUR-NAME-CONTROL"]),
        ("gpj.\u202efdp".encode(), ["SUR-NAME-INVISIBLE"]),
        ("zero\u200bwidth".encode(), ["SUR-NAME-INVISIBLE"]),
        (b"ends ", ["SUR-NAME-EDGE"]),
        (b"ends.", ["SUR-NAME-EDGE"]),
        (b" begins", ["SUR-NAME-EDGE"]),
        (b"NUL", ["SUR-NAME-WINDOWS"]),
        (b"com1.tar.gz", ["SUR-NAME-WINDOWS"]),
        (b"console", []),
        (b"a:b", ["SUR-NAME-WINDOWS"]),
        (b"back\\slash", ["SUR-NAME-WINDOWS"]),
        (b"100%.csv", ["SUR-NAME-PERCENT"]),
        (b"x" * 241, ["SUR-NAME-LONG"]),
        (b".hidden", []),
    ],
)
def test_the_table_of_names(name, codes):
    assert hazards_of(name) == codes


@pytest.mark.parametrize(
    ("one", "other", "twins"),
    [
        (b"Data.csv", b"data.CSV", True),
        ("café".encode(), "cafe\u0301".encode(), True),
        ("ÇA".encode(), "c\u0327a".encode(), True),
        ("Straße".encode(), b"STRASSE", True),
        (b"a", b"b", False),
        (b"\xff", b"\xfe", False),
    ],
)
def test_twins_share_their_folded_name(one, other, twins):
    assert (folded(one) == folded(other)) is twins


def test_a_long_path_is_counted_in_characters():
    assert is_long_path(b"x/" * 140)
    assert not is_long_path("撒".encode() * 100)


@pytest.mark.parametrize(
    ("path", "extension"),
    [
        (b"a/b.CSV", "csv"),
        (b"a.tar.gz", "gz"),
        (b"README", ""),
        (b".bashrc", ""),
        (b"a.d/file", ""),
        (b"scan.001", "(number)"),
        (b"a.\xff", "(other)"),
        (b"a." + b"x" * 40, "(other)"),
        (b"ends.", ""),
    ],
)
def test_the_table_of_extensions(path, extension):
    assert extension_of(path) == extension
