"""A survey of a hostile folder: all of it is told, nothing outside is touched, nothing hangs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from preservation.errors import NoSpaceError, UsageError
from preservation.formats.identifier import FormatIdentifier
from preservation.ingest import survey_formats, survey_spool
from preservation.ingest.survey import survey
from preservation.ingest.survey_html import to_html
from preservation.ingest.survey_result import SurveySettings
from preservation.model.clock import Clock
from preservation.model.identification import Basis, Identification, Toolchain
from preservation.model.progress import Silence


class EverythingIsText:
    """An identifier that asks nobody."""

    toolchain = Toolchain("1", "none", "5")

    def __init__(self) -> None:
        self.asked = 0

    def identify(self, root: Path, paths, digests=None, patience=None) -> list[Identification]:
        self.asked += len(paths)
        return [Identification(puid="x-fmt/111", name="Text", basis=Basis.TEXT) for _ in paths]


def look(root: Path, clock: Clock, identifier=None, **settings):
    identifier = identifier or EverythingIsText()
    return survey(root, identifier, SurveySettings(**settings), Silence(), clock)


def counts(found) -> dict[str, int]:
    return {one.code: one.count for one in found.findings}


def write(root: Path, name: bytes, data: bytes = b"x") -> None:
    path = os.path.join(os.fsencode(root), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(os.fsdecode(path)).write_bytes(data)


@pytest.fixture
def hostile(tmp_path):
    root = tmp_path / "hostile"
    root.mkdir()
    (tmp_path / "secret").write_text("must not be read")
    write(root, b"\xff\xfe.csv")
    write(root, b"line\nbreak.csv")
    write(root, "gpj.\u202efdp".encode())
    write(root, b"Twin")
    write(root, b"tWIN")
    write(root, "caf\u00e9".encode())
    write(root, "cafe\u0301".encode())
    write(root, b"trailing ")
    write(root, b"AUX.txt")
    write(root, b"100%.txt")
    write(root, b"deep/" * 60 + b"file")
    write(root, b"empty", b"")
    (root / "empty folder").mkdir()
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "sock"))
    (root / "out").symlink_to("../secret")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "inside").symlink_to("empty")
    (root / "dangling").symlink_to("nothing")
    (root / "loop").symlink_to(".")
    os.link(root / "AUX.txt", root / "hard")
    with (root / "sparse.bin").open("wb") as file:
        file.truncate(2 * 1024 * 1024)
    return root


def test_every_hazard_is_told(hostile, clock):
    found = counts(look(hostile, clock))
    assert found == {
        "SUR-LINK-OUT": 2,
        "SUR-LINK-LOOP": 1,
        "SUR-LINK-DANGLING": 1,
        "SUR-LINK-INSIDE": 1,
        "SUR-SPECIAL": 2,
        "SUR-NAME-UTF8": 1,
        "SUR-NAME-CASE": 1,
        "SUR-NAME-FORM": 1,
        "SUR-NAME-CONTROL": 1,
        "SUR-NAME-INVISIBLE": 1,
        "SUR-NAME-EDGE": 1,
        "SUR-NAME-WINDOWS": 1,
        "SUR-NAME-LONG": found["SUR-NAME-LONG"],
        "SUR-NAME-PERCENT": 1,
        "SUR-HARDLINK": 2,
        "SUR-SPARSE": 1,
        "SUR-EMPTY-FILE": 1,
        "SUR-EMPTY-FOLDER": 1,
    }


def test_the_first_screen_says_what_to_do(hostile, clock):
    verdict = look(hostile, clock).verdict
    assert not verdict.ready
    assert verdict.can.startswith("Not as it is: 8 things in it would be refused.")
    assert "2 symbolic links lead out of the folder" in verdict.mend
    assert "3 replicas" in verdict.cost


def test_with_the_real_tools_too(hostile, clock):
    with FormatIdentifier() as identifier:
        found = look(hostile, clock, identifier)
    assert found.formats.looked_at == found.formats.of


def test_nothing_is_changed_and_nothing_outside_is_opened(hostile, clock, monkeypatch):
    opened = []
    real = os.open

    def watching(path, flags, *args, **kwargs):
        opened.append(path)
        return real(path, flags, *args, **kwargs)

    def names():
        return sorted((str(p), p.lstat().st_mtime_ns) for p in hostile.parent.rglob("*"))

    before = names()
    monkeypatch.setattr(os, "open", watching)
    look(hostile, clock)
    assert names() == before
    assert opened
    text = [os.fsdecode(path) for path in opened]
    assert not [p for p in text if "secret" in p or p in ("out", "absolute", "fifo", "sock")]


def test_json_and_page_hold_no_name_that_misleads(hostile, clock):
    found = look(hostile, clock)
    for text in (json.dumps(found.to_json(), ensure_ascii=False), to_html(found)):
        assert "\u202e" not in text
        assert "\\xff\\xfe.csv" in text.replace("\\\\", "\\")


def test_the_page_stands_alone_and_escapes(tmp_path, clock):
    write(tmp_path, b"<script>alert(1)<&>.csv", b"x" * 100)
    page = to_html(look(tmp_path, clock))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "http://" not in page
    assert "https://" not in page
    assert " src=" not in page


def test_what_may_not_be_read_is_counted_and_shown(clock):
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    write(root, b"open.txt", b"open")
    write(root, b"closed.txt", b"closed")
    write(root, b"folder/inside", b"hidden")
    (root / "closed.txt").chmod(0)
    (root / "folder").chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        found = look(root, clock)
    finally:
        os.seteuid(user)
        (root / "folder").chmod(0o755)
        shutil.rmtree(root)
    [one] = found.findings
    assert (one.code, one.count) == ("SUR-UNREADABLE", 2)
    assert [example.partition(" ")[0] for example in one.examples] == ["closed.txt", "folder"]
    assert found.totals.unreadable == 1


@pytest.mark.parametrize("kind", ["absent", "file", "fifo"])
def test_what_is_no_folder_is_refused(tmp_path, clock, kind):
    path = tmp_path / "it"
    if kind == "file":
        path.write_text("x")
    if kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(UsageError) as raised:
        look(path, clock)
    assert raised.value.code == "SUR-NO-FOLDER"


def test_an_empty_folder_is_nothing_to_take_in(tmp_path, clock):
    found = look(tmp_path, clock)
    assert not found.verdict.ready
    assert found.verdict.can == "There is nothing to take in: the folder holds no files."
    assert not found.must_be_mended


def test_duplicates_are_told_by_content_and_hard_links_are_none(tmp_path, clock):
    write(tmp_path, b"a", b"same" * 100)
    write(tmp_path, b"b/c", b"same" * 100)
    write(tmp_path, b"d", b"else" * 100)
    os.link(tmp_path / "a", tmp_path / "hard")
    found = look(tmp_path, clock).duplicates
    assert (found.files, found.octets) == (1, 400)
    assert [row.paths for row in found.rows] == [("a", "b/c")]


def test_what_is_not_compared_is_said(tmp_path, clock):
    for number in range(4):
        write(tmp_path, b"%d" % number, b"same" * 100)
    found = look(tmp_path, clock, compare=900)
    assert found.duplicates.not_compared == 2
    assert any("2 files that share their size" in sentence for sentence in found.limits)


def test_a_large_folder_is_sampled_and_says_so(tmp_path, clock):
    for number in range(60):
        write(tmp_path, b"%d.csv" % number, b"x" * number + b"x")
    write(tmp_path, b"one.nc")
    identifier = EverythingIsText()
    found = look(tmp_path, clock, identifier, identify=50, sample=11)
    assert identifier.asked == 11
    assert found.formats.sampled
    assert sum(row.files for row in found.formats.rows) == 61
    assert any("11 of 61 files" in sentence for sentence in found.limits)


def test_patience_ends_and_is_said(tmp_path, clock, monkeypatch):
    class Slow(EverythingIsText):
        def identify(self, root, paths, digests=None, patience=None):
            clock.advance(timedelta(minutes=2))
            return super().identify(root, paths)

    for number in range(4):
        write(tmp_path, b"%d.csv" % number)
    monkeypatch.setattr(survey_formats, "_CHUNK", 1)
    found = look(tmp_path, clock, Slow(), compare=0, patience=timedelta(minutes=3))
    assert found.formats.looked_at == 2
    assert any("2 of 4 files" in sentence for sentence in found.limits)


def test_files_that_keep_the_tools_busy_cost_no_more_than_patience(tmp_path, clock, monkeypatch):
    class Stuck(EverythingIsText):
        def identify(self, root, paths, digests=None, patience=None):
            patience.took([{"root": str(root), "path": "0.csv"}], 500.0)
            return super().identify(root, paths)

    for number in range(4):
        write(tmp_path, b"%d.csv" % number)
    monkeypatch.setattr(survey_formats, "_CHUNK", 1)
    found = look(tmp_path, clock, Stuck(), compare=0, patience=timedelta(minutes=3))
    assert found.formats.looked_at == 1  # by a clock that did not move


def test_that_nothing_was_validated_is_said(tmp_path, clock):
    write(tmp_path, b"a.csv")
    assert any(
        "valid was not checked" in one for one in look(tmp_path, clock, EverythingIsText()).limits
    )


def test_digests_that_came_along_are_counted_and_verified_when_asked(tmp_path, clock):
    good, bad = hashlib.sha256(b"good").hexdigest(), hashlib.sha256(b"other").hexdigest()
    write(tmp_path, b"a/good", b"good")
    write(tmp_path, b"a/bad", b"bad")
    write(tmp_path, b"a/SHA256SUMS", f"{good}  good\n{bad}  ./bad\n{good}  gone\n".encode())
    write(tmp_path, b"b", b"good")
    write(tmp_path, b"b.md5", hashlib.md5(b"good").hexdigest().encode())
    write(tmp_path, b"a/escape.md5", f"{good[:32]}  ../../secret\n".encode())
    counted = look(tmp_path, clock).supplied
    assert (counted.covered, counted.verified) == (3, False)
    verified = look(tmp_path, clock, verify=True)
    assert (verified.supplied.matched, verified.supplied.differs) == (2, 1)
    assert counts(verified)["SUR-DIGEST-DIFFERS"] == 1
    assert counts(verified)["SUR-DIGEST-ABSENT"] == 2
    assert verified.must_be_mended


def test_a_bag_is_recognised_with_its_encoded_names(tmp_path, clock):
    digest = hashlib.sha256(b"x").hexdigest()
    write(tmp_path, b"bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    write(tmp_path, b"data/100%.txt")
    write(tmp_path, b"manifest-sha256.txt", f"{digest}  data/100%25.txt\n".encode())
    write(tmp_path, b"inner/bagit.txt", b"")
    found = look(tmp_path, clock)
    assert found.bag == "BagIt 1.0"
    assert found.bags_inside == 1
    assert found.supplied.covered == 1


def test_a_clock_that_stands_still_gives_no_hours(tmp_path, clock):
    write(tmp_path, b"a", b"x" * 1000)
    found = look(tmp_path, clock)
    assert found.cost.seconds == 0
    assert "could not be measured" in found.verdict.cost


def test_a_full_temporary_folder_is_told(tmp_path, clock, monkeypatch):
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text("x")
    small = survey_spool._SCHEMA + "PRAGMA max_page_count = 8;"
    monkeypatch.setattr(survey_spool, "_SCHEMA", small)
    with pytest.raises(NoSpaceError) as raised:
        look(tmp_path, clock)
    assert "TMPDIR" in raised.value.hint
