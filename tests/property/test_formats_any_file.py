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
    assert all(answer.puid or answer.flags for answer in answers)


@given(st.binary(max_size=400), st.booleans())
def test_any_content_is_judged(head, whole):
    for check in (is_json, is_json_lines, is_plain_text, is_table):
        assert check(head, whole) in Content


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
    assert answer.puid or answer.flags
    assert list(answer.flags) == sorted(set(answer.flags))
