"""Any bytes under any name give an answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preservation.formats.content import is_json, is_json_lines, is_plain_text, is_table
from preservation.formats.evidence import Content, Evidence, Status
from preservation.formats.identifier import FormatIdentifier
from preservation.formats.mime import relate
from preservation.formats.reconcile import reconcile
from preservation.formats.sample import Sample
from preservation.formats.signatures.table import ROWS, recognise
from preservation.formats.structure.inspect import inspect
from preservation.formats.structure.trouble import Trouble

NAMES = st.binary(min_size=1, max_size=60).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)
STARTS = st.sampled_from(
    [b"", b"%PDF-1.4\n", b"PK\3\4", b"\x89HDF\r\n\x1a\n", b"II+\0", b"\xd0\xcf\x11\xe0", b"<?xml "]
)
ENDINGS = st.sampled_from([b"", b".pdf", b".zip", b".csv", b".json", b".h5", b".\xff", b"."])


@pytest.fixture(scope="module")
def identifier():
    with FormatIdentifier() as made:
        yield made


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.dictionaries(NAMES, st.tuples(STARTS, st.binary(max_size=300), ENDINGS), max_size=8)
)
def test_any_file_is_answered(identifier, tmp_path_factory, files):
    root = tmp_path_factory.mktemp("root")
    names = []
    for name, (start, rest, ending) in files.items():
        full = os.path.join(os.fsencode(root), name + ending)
        if not os.path.lexists(full):
            Path(os.fsdecode(full)).write_bytes(start + rest)
            names.append(name + ending)
    answers = identifier.identify(root, names)
    assert len(answers) == len(names)
    assert all(answer.id or answer.flags for answer in answers)


@given(st.binary(max_size=400), st.booleans())
def test_any_content_is_judged(head, whole):
    for check in (is_json, is_json_lines, is_plain_text, is_table):
        assert check(head, whole) in Content


MAGICS = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"BM",
    b"RIFF",
    b"FORM",
    b"II*\0",
    b"MM\0+",
    b"\0\0\0\x0cjP  ",
    b"%PDF-1.7\n",
    b"PK\3\4",
    b"\x1f\x8b\x08\4",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\x89HDF\r\n\x1a\n",
    b"CDF\1",
    b"CDF\5",
    b"SIMPLE  =                    T",
    b"\x93NUMPY\1\0",
    b"GRIB\0\0\0\2",
    b"PAR1",
    b"SQLite format 3\0",
    b"MATLAB 5.0 MAT-file",
    b"root\0",
    b"LASF",
    b"8BPS",
    b"\0\0\1\0",
    b"\0\1\0\0\0",
    b"P5 9 9 255\n",
    b".sff",
    b"SR\0\4",
    b"DDS |\0\0\0",
    bytes(128) + b"DICM",
    b"<?xml ",
    b"{",
    b"@HD\tVN:1\n",
    b">a\n",
]


@given(
    st.sampled_from(MAGICS),
    st.binary(max_size=600) | st.text(max_size=300).map(str.encode),
    st.sampled_from(["", *sorted({one for row in ROWS for one in row.extensions})]),
)
def test_any_octets_after_any_magic_are_recognised_and_looked_into(start, rest, extension):
    """Hostile headers: no exception, and only flags that are known."""
    data = start + rest
    sample = Sample(-1, len(data), extension, data, data, data)
    found = recognise(sample)
    for one in inspect(sample, found.id if found else "", ""):
        assert isinstance(one, Trouble)
        assert one.flag in {"truncated", "corrupted", "encrypted"}


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_types_relate(first, second):
    assert relate(first, second) is not None


@given(
    st.builds(
        Evidence,
        st.sampled_from(Status),
        puid=st.sampled_from(["", "fmt/1"]),
        mime=st.sampled_from(["", "text/csv", "image/png"]),
        basis=st.text(max_size=20),
        warning=st.text(max_size=20),
        magic=st.none() | st.text(max_size=20),
        content=st.sampled_from(Content),
    )
)
def test_any_evidence_has_an_answer_that_is_known_or_flagged(evidence):
    answer = reconcile(evidence)
    assert answer.id or answer.flags
    assert list(answer.flags) == sorted(set(answer.flags))
