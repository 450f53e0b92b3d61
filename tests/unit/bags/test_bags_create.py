"""Making a bag leaves the source alone, and leaves a whole bag or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import bagit
import pytest
from bagmaker import QUIET, SETTINGS, everything

from preservation.bags import fenced, notes
from preservation.bags import source as source_notes
from preservation.bags.codes import CODES
from preservation.bags.copies import Lot
from preservation.bags.copying import Copier
from preservation.bags.create import BagPlan, CreateReport, create
from preservation.bags.fenced import SourceChangedError
from preservation.bags.source import SourceNotes
from preservation.bags.validate import validate
from preservation.errors import MalformedError, NoSpaceError, NotNowError, UsageError
from preservation.files import spool, walk
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.finding import Severity
from preservation.model.progress import Silence

NAMES = [
    "a.txt",
    "b/c d.txt",
    "b/имя.csv",
    "名/ʻoʻ.bin",
    "b/trailing ",
    "%",
    "b/100%25",
    "cr\r",
    "n\nl",
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 100)
    return folder


def make(source: Path, dest: Path, workers: int = 2, **more: object) -> CreateReport:
    return create(
        source,
        dest,
        BagPlan(
            (Algorithm.SHA512, Algorithm.MD5),
            (("Source-Organization", "Силк — 丝路"), ("Bagging-Date", "2026-11-22")),
        ),
        settings=EngineSettings(workers=workers),
        progress=QUIET,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("workers", [1, 4])
def test_the_bag_holds_the_source_byte_for_byte(source: Path, tmp_path: Path, workers: int) -> None:
    before = everything(source)
    stamps = {path: path.stat().st_mtime_ns for path in source.rglob("*")}
    report = make(source, tmp_path / "bag", workers)
    assert report.created
    assert everything(tmp_path / "bag/data") == before == everything(source)
    assert {path: path.stat().st_mtime_ns for path in source.rglob("*")} == stamps
    checked = validate(tmp_path / "bag", settings=SETTINGS, progress=QUIET)
    assert checked.valid
    assert checked.findings == ()
    assert set(checked.algorithms) == {Algorithm.SHA256, Algorithm.SHA512, Algorithm.MD5}


def test_the_reference_implementation_accepts_the_bag(source: Path, tmp_path: Path) -> None:
    for name in NAMES:
        if "%" in name or name != name.strip():
            (source / name).unlink()  # names that it gets wrong, by the RFC
    make(source, tmp_path / "bag")
    bag = bagit.Bag(str(tmp_path / "bag"))
    bag.validate()
    assert bag.info["Source-Organization"] == "Силк — 丝路"


def test_an_empty_folder_makes_a_valid_bag(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    make(tmp_path / "source", tmp_path / "bag")
    assert validate(tmp_path / "bag", settings=SETTINGS, progress=QUIET).valid


def test_everything_in_the_way_is_told_at_once_and_nothing_is_made(
    source: Path, tmp_path: Path
) -> None:
    (source / "link").symlink_to("/etc/passwd")
    (source / "b/loop").symlink_to(".")
    os.mkfifo(source / "fifo")
    (Path(os.fsdecode(os.fsencode(source) + b"/latin-\xe9"))).write_bytes(b"x")
    before = sorted(source.rglob("*"))
    report = make(source, tmp_path / "bag")
    assert not report.created
    assert sorted((each.code, each.subject) for each in report.findings) == [
        ("BAG-SOURCE-IRREGULAR", "b/loop"),
        ("BAG-SOURCE-IRREGULAR", "fifo"),
        ("BAG-SOURCE-IRREGULAR", "link"),
        ("BAG-SOURCE-NAME", "latin-\\xe9"),
    ]
    assert sorted(source.rglob("*")) == before
    assert os.listdir(tmp_path) == ["source"]


def latin(source: Path) -> None:
    Path(os.fsdecode(os.fsencode(source) + b"/latin-\xe9")).write_bytes(b"x")


SPOILED = {
    "BAG-SOURCE-IRREGULAR": lambda source: os.mkfifo(source / "fifo"),
    "BAG-SOURCE-UNREADABLE": lambda source: (source / "closed").mkdir(),
    "BAG-SOURCE-NAME": latin,
    "BAG-SOURCE-NAME-ENCODED": latin,
}


@pytest.mark.parametrize("code", SPOILED)
def test_each_thing_about_a_source_is_told(
    source: Path, tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refusing(path: object, *args: object, **more: object) -> int:
        if path == b"closed":
            raise PermissionError(13, "refused")
        return opened(path, *args, **more)  # type: ignore[arg-type]

    SPOILED[code](source)
    monkeypatch.setattr(os, "open", refusing)
    plan = BagPlan(encode_names=code == "BAG-SOURCE-NAME-ENCODED")
    report = create(source, tmp_path / "bag", plan, settings=SETTINGS, progress=QUIET)
    assert [finding.code for finding in report.findings] == [code]
    assert report.created is (CODES[code].severity is Severity.WARNING)


def test_everything_that_can_be_told_about_a_source_has_a_case() -> None:
    assert SPOILED.keys() == {code for code in CODES if code.startswith("BAG-SOURCE-")}


@pytest.mark.parametrize(
    "place",
    ["source/bag", "source/b/bag", "taken", "no/such/folder", "file/bag", "/proc/bag"],
)
def test_a_destination_that_cannot_be_is_refused(source: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError):
        make(source, tmp_path / place)


class Rival:
    """Progress that makes the destination while the bag is being made."""

    def __init__(self, dest: Path) -> None:
        self.dest = dest

    def begin(self, what: str, total_bytes: int | None) -> None: ...

    def advance(self, done_bytes: int) -> None:
        self.dest.mkdir(exist_ok=True)


def test_of_two_at_once_one_is_told_that_the_other_was_faster(source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "bag"
    with pytest.raises(UsageError, match="is there already"):
        create(source, dest, BagPlan(), settings=SETTINGS, progress=Rival(dest))
    assert os.listdir(dest) == []
    assert sorted(os.listdir(tmp_path)) == ["bag", "source"]


class Meddler:
    """Progress that changes the source each time some of it was read."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.left = path, times

    def begin(self, what: str, total_bytes: int | None) -> None: ...

    def say(self, sentence: str) -> None: ...

    def advance(self, read_bytes: int) -> None:
        if self.left:
            self.left -= 1
            with self.path.open("ab") as file:
                file.write(b"more")


def meddled(source: Path, dest: Path, times: int) -> CreateReport:
    return create(
        source,
        dest,
        BagPlan(),
        settings=EngineSettings(workers=1),
        progress=Meddler(source / "only", times),
    )


@pytest.mark.parametrize("times", [1, 10**9])
def test_a_file_that_changes_is_noticed_and_nothing_is_left(tmp_path: Path, times: int) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "only").write_bytes(b"before")
    with pytest.raises(SourceChangedError):
        meddled(source, tmp_path / "bag", times)
    assert os.listdir(tmp_path) == ["source"]


def test_a_file_that_vanishes_is_noticed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = fenced.open_regular

    def vanish(folders: object, path: bytes) -> int:
        (source / "名/ʻoʻ.bin").unlink(missing_ok=True)
        return opened(folders, path)  # type: ignore[arg-type]

    monkeypatch.setattr(fenced, "open_regular", vanish)
    with pytest.raises(NotNowError):
        make(source, tmp_path / "bag", workers=1)
    assert os.listdir(tmp_path) == ["source"]


def test_a_full_temporary_folder_is_told_and_nothing_is_made(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "_unnamed", lambda: os.open("/dev/full", os.O_RDWR))
    with pytest.raises(NoSpaceError):
        create(source, tmp_path / "bag", BagPlan(), settings=SETTINGS, progress=QUIET)
    assert not (tmp_path / "bag").exists()


def test_bag_info_that_cannot_be_spelled_leaves_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        create(
            source,
            tmp_path / "bag",
            BagPlan(bag_info=(("A: label", "x"),)),
            settings=SETTINGS,
            progress=QUIET,
        )
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.parametrize("call", [1, 7, 20])
def test_a_writer_that_is_killed_leaves_no_bag_and_the_source_as_it_was(
    source: Path, tmp_path: Path, call: int
) -> None:
    before = everything(source)
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from preservation.bags.create import BagPlan, create
        from preservation.fixity.engine import EngineSettings
        from preservation.model.progress import Silence
        write, left = os.write, [{call}]
        def dying(fd, data):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(fd, data)
        os.write = dying
        create(Path("source"), Path("bag"), BagPlan(),
               settings=EngineSettings(workers=1), progress=Silence())
        """
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    # Fewer writes than that: then it was done before it could be killed.
    assert (ended.returncode == -signal.SIGKILL) is not (tmp_path / "bag").exists()
    assert everything(source) == before
    assert make(source, tmp_path / "again").created
    (tmp_path / ".bag.another-name.partial").mkdir()
    if not (tmp_path / "bag").exists():
        assert make(source, tmp_path / "bag").created
    left = [name for name in os.listdir(tmp_path) if name.endswith(".partial")]
    assert left == [".bag.another-name.partial"]  # and nothing of the one that was killed


def test_a_bag_that_another_process_is_making_stays(source: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from preservation.bags.beside import private_beside"
        "\nwith private_beside(Path('bag')) as folder: print(folder, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = tmp_path / other.stdout.readline().strip()
        (theirs / "data").mkdir()
        assert make(source, tmp_path / "bag").created
        assert (theirs / "data").is_dir()
        other.communicate()
    assert sorted(os.listdir(tmp_path)) == ["bag", "source"]


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of which the first are copied while others are still to be walked."""
    monkeypatch.setattr(walk, "RUN", 4)
    monkeypatch.setattr(notes, "RUN", 4)
    monkeypatch.setattr(source_notes, "_STEP", 0.0)
    folder = tmp_path / "source"
    for number in range(200):
        (folder / f"{number // 20:02d}").mkdir(parents=True, exist_ok=True)
        (folder / f"{number // 20:02d}" / f"{number}").write_bytes(b"%d" % number)
    return folder


def copied_early(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files were known each time that some were copied."""
    known: list[int] = []
    put = Copier.put

    def putting(self: Copier, files: Lot) -> None:
        known.append(filling_notes[0].files)
        put(self, files)

    walked, filling_notes = SourceNotes.walk, list[SourceNotes]()

    def walking(self: SourceNotes) -> Iterator[None]:
        filling_notes.append(self)
        return walked(self)

    monkeypatch.setattr(Copier, "put", putting)
    monkeypatch.setattr(SourceNotes, "walk", walking)
    return known


def test_files_are_copied_while_the_source_is_still_walked(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = copied_early(monkeypatch)
    told: list[int | None] = []

    class Listener(Silence):
        def begin(self, what: str, total_bytes: int | None) -> None:
            told.append(total_bytes)

        def advance(self, read_bytes: int) -> None:
            told.append(read_bytes)

    report = create(many, tmp_path / "bag", BagPlan(), settings=SETTINGS, progress=Listener())
    assert report.created
    assert known[0] < 20
    total, *advanced = told
    assert total == report.octets == sum(each or 0 for each in advanced)
    assert validate(tmp_path / "bag", settings=SETTINGS, progress=QUIET).valid


def test_what_is_found_after_the_first_files_were_copied_leaves_nothing(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = copied_early(monkeypatch)
    os.mkfifo(many / "09/fifo")
    latin(many / "08")
    report = make(many, tmp_path / "bag")
    assert known
    assert [each.code for each in report.findings] == ["BAG-SOURCE-NAME", "BAG-SOURCE-IRREGULAR"]
    assert not report.created
    assert os.listdir(tmp_path) == ["source"]


def test_findings_go_before_what_stands_in_the_way_of_copying(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NoSpaceError("no space left")

    monkeypatch.setattr(Copier, "put", full)
    with pytest.raises(NoSpaceError):
        make(many, tmp_path / "bag")
    os.mkfifo(many / "09/fifo")
    assert [each.code for each in make(many, tmp_path / "bag").findings] == ["BAG-SOURCE-IRREGULAR"]
    assert os.listdir(tmp_path) == ["source"]


def test_times_beyond_all_years_are_noted(tmp_path: Path) -> None:
    source = Path("/dev/shm") / f"times-{os.getpid()}"
    source.mkdir()
    try:
        for name, moment in {"far": 10**26, "before": -(10**18), "edge": 2**63}.items():
            (source / name).write_bytes(name.encode())
            os.utime(source / name, ns=(0, moment))
        assert make(source, tmp_path / "bag").created
    finally:
        shutil.rmtree(source)
    assert validate(tmp_path / "bag", settings=SETTINGS, progress=QUIET).valid
