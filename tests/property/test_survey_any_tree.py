"""Any tree of any names is surveyed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.ingest.digest_lists import Odd, read_lines, recognise
from preservation.ingest.survey import survey
from preservation.ingest.survey_html import to_html
from preservation.ingest.survey_names import composed, extension_of, folded, hazards_of
from preservation.ingest.survey_result import SurveySettings
from preservation.model.canonical import canonical
from preservation.model.identification import Identification, Toolchain
from preservation.model.progress import Silence

NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)
LISTS = st.sampled_from([b"SHA256SUMS", b"checksums.txt", b"manifest-md5.txt", b"a.md5"])


class NobodyKnows:
    toolchain = Toolchain("1", "none", "")

    def identify(self, root, paths, digests=None, patience=None):
        return [Identification(flags=("unidentified",)) for _ in paths]


class Still:
    def now(self):
        return datetime(2026, 11, 22, tzinfo=UTC)


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(NAMES | LISTS, st.binary(max_size=80), max_size=8),
    links=st.dictionaries(NAMES, NAMES, max_size=4),
)
def test_any_tree_is_surveyed(tmp_path_factory, files, links):
    root = os.fsencode(tmp_path_factory.mktemp("tree"))
    made = 0
    for name, data in files.items():
        Path(os.fsdecode(os.path.join(root, name))).write_bytes(data)
        made += 1
    for name, target in links.items():
        path = os.path.join(root, b"links", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)
    wanted = SurveySettings(verify=True)
    found = survey(Path(os.fsdecode(root)), NobodyKnows(), wanted, Silence(), Still())
    assert found.totals.files == made
    assert found.totals.links == len(links)
    to_html(found).encode()
    document = found.to_json()
    canonical({"findings": document["findings"], "largest": document["largest"]})


@given(NAMES)
def test_any_name_is_judged(name):
    hazards_of(name)
    extension_of(name).encode("ascii")
    assert folded(composed(name)) == folded(name)


@given(LISTS, st.lists(st.binary(max_size=80), max_size=10))
def test_any_line_is_read_or_passed_over(name, lines):
    seen = recognise(name)
    assert seen is not None
    for line in read_lines(lines, seen):
        assert isinstance(line, Odd) or line.digest.value
