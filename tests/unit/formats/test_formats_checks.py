"""Format checks through real workers: sound files are valid, others are not, none does harm."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from checked_files import broken, hostile, image, seldom, sound

from preservation.files.workers import Trouble, WorkerFailure, WorkerPool
from preservation.formats.checks import worker
from preservation.formats.checks.checker import FormatChecker
from preservation.formats.checks.registry import ENTRIES, check_for
from preservation.formats.checks.subject import Subject
from preservation.model.format_check import CheckCounts, FormatCheck, Unchecked, Validity
from preservation.model.identification import Identification

VALID, INVALID, UNCHECKED = Validity.VALID, Validity.INVALID, Validity.UNCHECKED


@pytest.fixture(scope="module")
def checker():
    with FormatChecker(1) as made:
        yield made


def verdicts(checker: FormatChecker, root: Path, files: dict[str, tuple[str, bytes]]):
    """Check files by word, all in one question."""
    for number, (_, content) in enumerate(files.values()):
        (root / str(number)).write_bytes(content)
    paths = [str(number).encode() for number in range(len(files))]
    formats = [Identification(mime=mime.partition(" ")[0]) for mime, _ in files.values()]
    return dict(zip(files, checker.check(root, paths, formats), strict=True))


def test_what_the_libraries_write_is_valid_and_names_its_judge(checker, tmp_path):
    files = {kind: (kind, content) for kind, content in sound(tmp_path).items()}
    said = verdicts(checker, tmp_path, files)
    assert {
        kind: one.columns()[:2] for kind, one in said.items() if one.validity is not VALID
    } == {}
    assert said["application/x-hdf5"].columns()[2].startswith("hdf5 (h5py ")
    facts = {kind: dict(one.facts) for kind, one in said.items()}
    assert facts["text/csv"] == {"columns": 2, "delimiter": "comma", "encoding": "utf-8", "rows": 3}
    assert facts["application/pdf"]["pdfa_claim"] == "PDF/A-2b"
    assert facts["application/pdf owner"]["encrypted"] is True
    assert facts["application/fits"]["checksums"] == 3
    assert facts["application/netcdf 4"]["version"] == "netCDF-4"
    assert facts["image/tiff big"]["geotiff"] is True
    assert facts["image/tiff"]["unpacked"] is True
    assert facts["application/geo+json"]["features"] == 1
    assert facts["image/png"]["width"] == 64
    assert facts["application/gzip"]["members"] == 2


def test_sound_files_that_few_writers_make_are_valid(checker, tmp_path):
    files = {kind: (kind, content) for kind, content in seldom(tmp_path).items()}
    said = verdicts(checker, tmp_path, files)
    assert {kind: one.columns()[:2] for kind, one in said.items() if one.reason} == {}


def test_a_bitmap_of_another_kind_is_unchecked(checker, tmp_path):
    os2 = b"BM" + struct.pack("<IHHI", 90, 0, 0, 78) + struct.pack("<I", 16) + bytes(72)
    said = verdicts(checker, tmp_path, {"os2": ("image/bmp", os2)})
    assert said["os2"].columns()[0] == "unchecked"


def test_a_document_of_xml_1_1_is_not_judged_by_the_rules_of_1_0(checker, tmp_path):
    content = b'<?xml version="1.1"?><r>&#1;</r>'
    said = verdicts(checker, tmp_path, {"1.1": ("text/xml", content)})
    assert said["1.1"].columns()[:2] == ("unchecked", "codec absent: XML 1.1 is not read here")


WITHOUT_END = ("text/", "application/json", "application/geo", "application/x-nd", "image/svg")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.8])
def test_a_file_that_was_cut_is_not_valid(checker, tmp_path, share):
    files = {
        kind: (kind, content[: -max(64, int(len(content) * share))])
        for kind, content in sound(tmp_path).items()
        if not kind.startswith(WITHOUT_END)
    }
    said = verdicts(checker, tmp_path, files)
    assert {
        kind: one.columns()[:2] for kind, one in said.items() if one.validity is not INVALID
    } == {}


def test_a_changed_bit_under_a_checksum_is_seen(checker, tmp_path):
    guarded = ("png", "hdf5", "fits", "parquet", "application/zip", "gzip")
    files = {}
    for kind, content in sound(tmp_path).items():
        if kind.endswith(guarded):
            changed = bytearray(content)
            place = {"fits": len(content) // 2 + 900, "hdf5": -9000}
            at = next((v for k, v in place.items() if kind.endswith(k)), len(content) // 2)
            changed[at] ^= 1
            files[kind] = (kind, bytes(changed))
    said = verdicts(checker, tmp_path, files)
    assert len(said) == len(guarded)
    assert {
        kind: one.columns()[:2] for kind, one in said.items() if one.validity is not INVALID
    } == {}


def test_what_is_wrong_is_named(checker, tmp_path):
    files = {word: (mime, content) for word, (mime, content, _) in broken().items()}
    said = verdicts(checker, tmp_path, files)
    wanted = {word: (INVALID, reason) for word, (_, _, reason) in broken().items()}
    assert {word: (one.validity, one.reason) for word, one in said.items()} == wanted
    assert "line 3 has 2 fields" in said["ragged"].message


def test_what_means_harm_does_none_and_the_file_after_it_is_checked(checker, tmp_path):
    bad = hostile(tmp_path)
    files = {word: (mime, content) for word, (mime, content, _) in bad.items()}
    files["the last"] = ("image/png", image("PNG"))
    said = verdicts(checker, tmp_path, files)
    assert said.pop("the last").validity is VALID
    reasons = {word: reason for word, (_, _, reason) in bad.items()}
    assert {word: one.reason for word, one in said.items()} == reasons
    assert {said[word].validity for word, reason in reasons.items() if not reason} == {VALID}
    assert said["HDF5 in circles"].facts["external_links"] == 1


TABLES = {
    "semicolons": b"a;b\n1,5;2\n",
    "pipes": b"a|b\n1|2\n",
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "GB 18030": "名称,值\n撒马尔罕,1\n".encode("gb18030"),
    "rows over lines": b'a,b\n1,"x\ny ""q"""\n' * 3,
    "spaces before quotes": b'a, b\n1, "x, y"\n2, "z"\n',
    "backslashes": b'a,b\n1,"x \\"q\\" y"\n2,"z"\n',
    "old line ends": b"a,b\r1,2\r",
    "remarks first": b"# made by, x, y, z\na,b\n1,2\n",
    "remarks between": b"a,b\n# by hand\n1,2\n# again\n3,4\n",
    "one column": b"Samarkand\nBukhara\n",
    "as R writes it": b'"x","y"\n"r1",1,2\n"r2",1,2\n',
    "named separator": b"sep=;\na;b\n1;2\n",
}


def test_tables_of_every_school_are_valid(checker, tmp_path):
    said = verdicts(checker, tmp_path, {word: ("text/csv", one) for word, one in TABLES.items()})
    assert {
        word: one.columns()[:2] for word, one in said.items() if one.validity is not VALID
    } == {}
    assert said["GB 18030"].facts["encoding"] == "8-bit"
    assert said["semicolons"].facts["delimiter"] == "semicolon"


def test_the_line_that_is_told_is_the_one_that_is_wrong(checker, tmp_path):
    content = b'a,b\n"x\ny",1\n2,3\n4\n'
    said = verdicts(checker, tmp_path, {"": ("text/csv", content)})[""]
    assert said.message == "line 5 has 1 fields, the others have 2"


def test_a_line_of_a_gibibyte_costs_no_memory(checker, tmp_path):
    with (tmp_path / "holes.csv").open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.truncate(1 << 30)
    (tmp_path / "long.csv").write_bytes(b"a,b\n1," + b"x" * (20 << 20))
    paths, formats = [b"holes.csv", b"long.csv"], [Identification(mime="text/csv")] * 2
    holes, long = checker.check(tmp_path, paths, formats)
    assert (holes.validity, holes.reason) == (INVALID, "NUL")
    assert (long.validity, long.reason) == (UNCHECKED, "too large")


def test_a_killed_worker_costs_one_file(tmp_path):
    (tmp_path / "slow.gz").write_bytes(gzip.compress(bytes(50 << 20), 1) * 40)
    (tmp_path / "fine.png").write_bytes(image("PNG"))
    formats = [Identification(mime="application/gzip"), Identification(mime="image/png")]
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.05):
            for pid in busy():
                os.kill(pid, signal.SIGKILL)

    with FormatChecker(1) as checker:
        killer = threading.Thread(target=kill)
        killer.start()
        slow, fine = checker.check(tmp_path, [b"slow.gz", b"fine.png"], formats)
        stop.set()
        killer.join()
    # It is asked twice: with the file after it, then alone.
    assert (slow.validity, slow.reason) == (UNCHECKED, "crashed")
    assert fine.validity is VALID


def busy() -> list[int]:
    """Workers of checks that have used some processor time."""
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = [int(pid) for one in listed for pid in one.read_text().split()]
    ours = [p for p in found if b"checks.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return [p for p in ours if int(Path(f"/proc/{p}/stat").read_text().split()[13]) > 30]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (WorkerFailure(Trouble.TIMEOUT, "no answer within 5.0 s"), "timeout"),
        (WorkerFailure(Trouble.CRASHED, "SIGALRM"), "timeout"),
        (WorkerFailure(Trouble.CRASHED, "SIGXCPU"), "timeout"),
        (WorkerFailure(Trouble.CRASHED, "SIGSEGV"), "crashed"),
        (WorkerFailure(Trouble.RAISED, "ValueError: x"), "crashed"),
    ],
)
def test_each_end_of_a_worker_has_its_reason(checker, tmp_path, monkeypatch, failure, reason):
    monkeypatch.setattr(WorkerPool, "run", lambda *_: [failure])
    [said] = checker.check(tmp_path, [b"a"], [Identification(mime="image/png")])
    assert (said.validity, said.reason) == (UNCHECKED, reason)


@pytest.mark.parametrize(
    ("limit", "body", "end"),
    [
        ("CPU_SECONDS = 0", "while True: pass", signal.SIGXCPU),
        ("WALL_SECONDS = 0.2", "time.sleep(60)", signal.SIGALRM),
    ],
)
def test_the_kernel_ends_what_takes_too_long(limit, body, end):
    script = f"""
import time
from preservation.formats.checks import csv_check, worker
from preservation.formats.checks.subject import Subject
def check(subject):
    {body}
csv_check.check = check
worker.{limit}
worker.verdict("csv", Subject(0, 1))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -end, done.stderr


def test_what_is_no_file_is_unreadable_and_an_empty_one_is_empty(checker, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("empty")
    os.mkfifo(tmp_path / "fifo")
    paths = [b"empty", b"link", b"fifo", b"absent", b"../x"]
    said = checker.check(tmp_path, paths, [Identification(mime="text/csv")] * len(paths))
    assert [one.reason for one in said] == ["empty"] + ["unreadable"] * 4


def test_a_format_without_a_check_starts_no_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(WorkerPool, "run", lambda *_: pytest.fail("a worker was asked"))
    with FormatChecker() as checker:
        said = checker.check(tmp_path, [b"a", b"b"], [Identification(mime="text/plain")] * 2)
    assert [one.reason for one in said] == ["no check for this format"] * 2


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.library], ids=lambda entry: entry.name
)
def test_a_missing_library_is_unchecked_and_says_which(entry, tmp_path, monkeypatch):
    name = f"preservation.formats.checks.{entry.name}_check"
    package = {"pillow": "PIL"}.get(entry.library, entry.library)
    monkeypatch.setattr(worker, "_set_limits", lambda: None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    for loaded in [package, *sys.modules]:
        if loaded == package or loaded.startswith(f"{package}."):
            monkeypatch.setitem(sys.modules, loaded, None)
    (tmp_path / "a").write_bytes(b"anything")
    fd = os.open(tmp_path / "a", os.O_RDONLY)
    said = worker.verdict(entry.name, Subject(fd, 8))
    os.close(fd)
    assert (said.validity, said.reason) == (UNCHECKED, "library absent")
    assert entry.library in said.message


@pytest.mark.parametrize("name", ["csv", "zip", "image", "json"])
def test_a_medium_that_fails_makes_no_file_invalid(name, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_set_limits", lambda: None)
    fd = os.open(tmp_path, os.O_RDONLY)  # a folder can't be read as a file
    said = worker.verdict(name, Subject(fd, 4_000))
    os.close(fd)
    assert (said.validity, said.reason) == (UNCHECKED, "unreadable")


def test_a_file_may_not_cost_more_than_its_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_set_limits", lambda: None)
    (tmp_path / "a").write_bytes(b"a,b\n1,2\n" * 500_000)
    fd = os.open(tmp_path / "a", os.O_RDONLY)
    said = worker.verdict("csv", Subject(fd, 4_000_000, most_octets=3_000_000))
    slow = worker.verdict("csv", Subject(fd, 4_000_000, most_seconds=-1))
    os.close(fd)
    assert (said.validity, said.reason) == (UNCHECKED, "too large")
    assert (slow.validity, slow.reason) == (UNCHECKED, "too large")


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (Identification("x-fmt/263", mime="application/zip"), "zip"),
        (
            Identification(
                "x-fmt/263",
                mime="application/zip",
                mime_magic="application/vnd.oasis.opendocument.text",
            ),
            "office",
        ),
        (Identification("fmt/101", mime="application/xml, text/xml"), "xml"),
        (Identification("fmt/1134", mime="text/plain", mime_magic="text/plain"), "xml"),
        (Identification(local="samarkand/trix", mime="application/trix"), "xml"),
        (Identification("fmt/898", mime="image/tiff"), "tiff"),
        (Identification(local="samarkand/ecsv", mime="text/csv", mime_magic="text/csv"), None),
        (Identification(candidates=("fmt/2023",)), "parquet"),
        (Identification(mime_magic="application/x-hdf"), "hdf5"),
        (Identification("fmt/818", mime="application/yaml"), None),
        (Identification(), None),
    ],
)
def test_the_finest_word_about_a_format_chooses_the_check(found, name):
    entry = check_for(found)
    assert (entry and entry.name) == name


def test_counts_and_columns_say_the_same():
    counts = CheckCounts()
    counts.add(FormatCheck(VALID))
    counts.add(FormatCheck(INVALID, "ragged rows", "line 3"))
    counts.add(FormatCheck.unchecked(Unchecked.TIMEOUT))
    assert counts.to_json() == {"valid": 1, "invalid": 1, "unchecked": {"timeout": 1}}
    told = FormatCheck(INVALID, "NUL", "at 3", "csv", "", {"b": True, "a": "x;y\nz"}).columns()
    assert told == ("invalid", "NUL: at 3", "csv", "a=x,y z; b=yes")
