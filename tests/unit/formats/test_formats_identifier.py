"""Identification through real workers: one answer per file, whatever happens."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from checked_files import archive, image

from preservation.files.walk import Kind, walk
from preservation.files.workers import Trouble, WorkerFailure, WorkerPool
from preservation.formats.identifier import FormatIdentifier
from preservation.model.identification import Basis


@pytest.fixture(scope="module")
def identifier():
    with FormatIdentifier() as made:
        yield made


def one(identifier, root, path):
    [answer] = identifier.identify(root, [path])
    return answer


def test_the_toolchain_names_tools_and_signatures(identifier):
    toolchain = identifier.toolchain
    assert toolchain.siegfried[0].isdigit()
    assert "DROID_SignatureFile_V" in toolchain.signatures
    assert "container-signature-" in toolchain.signatures
    assert toolchain.libmagic.startswith("5.")


def test_real_formats_are_named(identifier, tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as made:
        made.writestr("a", "b")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "README").write_text("plain text\n")
    answers = identifier.identify(tmp_path, [b"data.zip", b"table.csv", b"README"])
    assert [(a.puid, a.mime, a.basis, a.flags) for a in answers] == [
        ("x-fmt/263", "application/zip", Basis.CONTAINER, ()),
        ("x-fmt/18", "text/csv", Basis.EXTENSION, ()),
        ("x-fmt/111", "text/plain", Basis.TEXT, ()),
    ]


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def office(part: str, kind: str, **more: bytes) -> bytes:
    """The least that is an Office Open XML file of a kind, and more members."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'content-types"><Override PartName="/{part}" ContentType="{kind}.main+xml"/></Types>'
    )
    return archive({"[Content_Types].xml": types, "_rels/.rels": "<r/>", part: "<w/>", **more})


FITS = b"".join(
    card.ljust(80)
    for card in (
        b"SIMPLE  =                    T",
        b"BITPIX  =                    8",
        b"NAXIS   =                    0",
        b"END",
    )
).ljust(2880)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", office("word/document.xml", WORD)),
        ("a.ico", image("ICO")),
        ("a.xlsm", office("xl/workbook.xml", "application/vnd.ms-excel.sheet.macroEnabled")),
        ("a.fit", FITS),
        ("remark.xml", b'<?xml version="1.0"?><r/><!-- after the root -->\n'),
        ("long.json", b'{"a": ' + b"9" * 5000 + b"}"),
        ("control.xml", b'<?xml version="1.1"?><r>&#1;</r>'),
    ],
)
def test_nothing_speaks_against_sound_files(identifier, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found = one(identifier, tmp_path, name.encode())
    assert found.puid
    assert (found.flags, found.warnings) == ((), ())


def test_a_cut_drawing_is_truncated_whatever_its_own_version_is(identifier, tmp_path):
    whole = b'<svg xmlns="http://www.w3.org/2000/svg" version="1.1">' + b"<path/>" * 9 + b"</svg>"
    (tmp_path / "cut.svg").write_bytes(b'<?xml version="1.0"?>' + whole[:-9])
    assert "truncated" in one(identifier, tmp_path, b"cut.svg").flags


def test_a_root_may_be_relative(identifier, tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "below/a.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert one(identifier, Path("below"), b"a.csv").puid == "x-fmt/18"


@pytest.mark.parametrize(
    "name",
    [
        b"\xff\xfe not text.csv",
        "撒马尔罕 oʻzbek.csv".encode(),
        b"line\nbreak\\ \"quoted\" 'name'.csv",
        b"-rf.csv",
        b" .csv",
        "\u202egnp.csv".encode(),
        b"deep/" * 60 + b"x" * 200 + b".csv",
    ],
)
def test_any_name_is_answered_by_content(identifier, tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(os.fsdecode(path)).write_bytes(b"a,b\n1,2\n")
    assert one(identifier, tmp_path, name).puid == "x-fmt/18"


def test_what_is_no_file_is_never_opened(identifier, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text("a,b\n1,2\n")
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    os.mkfifo(root / "fifo.csv")
    (root / "link.csv").symlink_to(outside)
    (root / "linked").symlink_to(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "socket"))
    names = [b"fifo.csv", b"link.csv", b"linked/outside.csv", b"socket", b"folder", b"absent"]
    names += [b"../outside.csv", os.fsencode(outside), b"a\0b", b""]
    answers = identifier.identify(root, names)
    assert [answer.flags for answer in answers] == [("unreadable",)] * len(names)


def test_values_that_could_be_a_jump_are_no_program(identifier, tmp_path):
    rest = bytes(range(256)) * 200
    for first in (0xB8, 0x8C, 0xE9, 0xEB):
        (tmp_path / f"{first}.bin").write_bytes(bytes([first, first ^ 0x55, 0x81, 0x92]) + rest)
    (tmp_path / "real.exe").write_bytes(b"MZ" + bytes(62) + rest)
    names = [f"{first}.bin".encode() for first in (0xB8, 0x8C, 0xE9, 0xEB)] + [b"real.exe"]
    *values, program = identifier.identify(tmp_path, names)
    assert {one.mime for one in values} == {"application/octet-stream"}
    assert "application/x-dosexec" in (program.mime, program.mime_magic)


def test_an_empty_file_has_no_format(identifier, tmp_path):
    (tmp_path / "empty.csv").touch()
    answer = one(identifier, tmp_path, b"empty.csv")
    assert (answer.puid, answer.flags) == ("", ("empty",))


def test_a_cut_archive_is_suspect(identifier, tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as made:
        made.writestr("a", "b" * 1000)
    whole = (tmp_path / "whole.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    assert "suspect_damage" in one(identifier, tmp_path, b"cut.zip").flags


def test_a_damaged_office_file_is_still_told_from_a_mere_archive(identifier, tmp_path):
    sound = office("word/document.xml", WORD, image=os.urandom(20_000))
    damaged = sound[:10_000] + bytes(1024) + sound[11_024:]
    (tmp_path / "a.docx").write_bytes(damaged)
    found = one(identifier, tmp_path, b"a.docx")
    assert (found.puid, "corrupted" in found.flags) == ("fmt/412", True)


def test_a_bomb_is_answered_and_the_file_beside_it_too(identifier, tmp_path):
    packed = zipfile.ZipFile(tmp_path / "bomb.docx", "w", zipfile.ZIP_DEFLATED)
    with packed, packed.open("[Content_Types].xml", "w") as part:
        for _ in range(40):
            part.write(bytes(1024 * 1024))
    (tmp_path / "fine.txt").write_text("fine\n")
    bomb, fine = identifier.identify(tmp_path, [b"bomb.docx", b"fine.txt"])
    assert bomb.puid or bomb.flags
    assert fine.puid == "x-fmt/111"


def test_a_root_that_is_gone_gives_answers_too(identifier, tmp_path):
    answers = identifier.identify(tmp_path / "gone", [b"a", b"b"])
    assert [answer.flags for answer in answers] == [("unreadable",)] * 2


def test_answers_keep_the_order_over_many_batches(identifier, tmp_path):
    names = []
    for number in range(200):
        name = f"{number}.{'csv' if number % 3 else 'txt'}"
        (tmp_path / name).write_text("a,b\n1,2\n")
        names.append(name.encode())
    answers = identifier.identify(tmp_path, names)
    assert [a.puid for a in answers] == [
        "x-fmt/18" if name.endswith(b"csv") else "x-fmt/111" for name in names
    ]


def test_a_second_worker_starts_for_many_files_alone(tmp_path):
    names = []
    for number in range(90):
        (tmp_path / f"{number}.txt").write_text(f"text {number}\n")
        names.append(f"{number}.txt".encode())
    before = set(children())
    with FormatIdentifier(workers=2) as identifier:
        with ThreadPoolExecutor(2) as askers:
            list(askers.map(lambda some: identifier.identify(tmp_path, some), [names, names]))
        assert len(set(children()) - before) == 1
        answers = identifier.identify(tmp_path, names * 3 + [b"absent"])
        assert len(set(children()) - before) == 2
    assert {answer.puid for answer in answers[:-1]} == {"x-fmt/111"}
    assert answers[-1].unchecked


def test_two_threads_get_their_own_answers(identifier, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "a.txt").write_text("text\n")
    got = {}

    def ask(name):
        got[name] = {answer.puid for answer in identifier.identify(tmp_path, [name] * 100)}

    threads = [threading.Thread(target=ask, args=(name,)) for name in (b"a.csv", b"a.txt")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {b"a.csv": {"x-fmt/18"}, b"a.txt": {"x-fmt/111"}}


def children() -> list[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = [int(pid) for one in listed for pid in one.read_text().split()]
    return [pid for pid in found if b"formats.worker" in command_line(pid)]


def command_line(pid: int) -> bytes:
    """Empty of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_one_answer_per_file_while_workers_are_killed(tmp_path):
    names = []
    for number in range(600):
        (tmp_path / f"{number}.csv").write_text("a,b\n1,2\n")
        names.append(f"{number}.csv".encode())
    done = threading.Event()
    killed = []

    def kill(number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
            killed.append(number)

    def kill_some():
        while len(killed) < 4 and not done.wait(0.3):
            for number in children()[:1]:
                kill(number)

    with FormatIdentifier(workers=2) as identifier:
        identifier.identify(tmp_path, names * 2)  # so many that both workers start
        for number in children():
            kill(number)
        assert killed
        killer = threading.Thread(target=kill_some, daemon=True)
        killer.start()
        try:
            answers = identifier.identify(tmp_path, names)
        finally:
            done.set()
            killer.join()
    assert len(answers) == len(names)
    lost = [answer for answer in answers if answer.puid != "x-fmt/18"]
    assert len(lost) <= len(killed)
    assert all(answer.unchecked and "crashed" in answer.flags for answer in lost)


def test_a_stopped_worker_is_replaced_and_costs_no_answer(tmp_path, monkeypatch):
    monkeypatch.setattr("preservation.formats.identifier._START_SECONDS", 1.0)
    names = []
    for number in range(100):
        (tmp_path / f"{number}.csv").write_text("a,b\n1,2\n")
        names.append(f"{number}.csv".encode())
    before = set(children())
    with FormatIdentifier() as identifier:
        identifier.identify(tmp_path, names[:1])
        for number in set(children()) - before:
            os.kill(number, signal.SIGSTOP)
        answers = identifier.identify(tmp_path, names)
    assert {answer.puid for answer in answers} == {"x-fmt/18"}
    assert set(children()) <= before


def test_closing_leaves_no_process_and_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(children())
    with FormatIdentifier() as identifier:
        identifier.identify(tmp_path, [b"absent"])
        assert set(children()) - before
    assert set(children()) == before
    assert list(walk(tmp_path)) == []


def test_importing_all_of_us_loads_no_tool_that_breaks_forks():
    """Every module but the worker; Airflow's tasks run in forked children."""
    package = Path(__file__).parents[3] / "preservation"
    modules = sorted(
        "preservation." + os.fsdecode(entry.path)[: -len(".py")].replace("/", ".")
        for entry in walk(package)
        if entry.kind is Kind.FILE and entry.path.endswith(b".py")
    )
    wanted = [
        name.removesuffix(".__init__")
        for name in modules
        if name != "preservation.formats.worker"
        and not name.startswith(("preservation.orchestration", "preservation.catalogue.migrations"))
    ]
    script = (
        "import importlib, sys\n"
        f"for name in {wanted!r}: importlib.import_module(name)\n"
        "print(sorted({'pygfried', 'magic', 'pylibmagic'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_only_the_worker_names_the_tools():
    """Read from the source, so that no module escapes by not being imported."""
    project = Path(__file__).parents[3]
    tools = re.compile(r"^\s*(?:import|from)\s+(?:pygfried|magic|pylibmagic)\b", re.MULTILINE)
    files = [*(project / "preservation").rglob("*.py"), *(project / "dags").rglob("*.py")]
    named = {file.name for file in files if tools.search(file.read_text(encoding="utf-8"))}
    assert named == {"worker.py"}


@pytest.mark.parametrize(
    ("trouble", "flag"),
    [
        (Trouble.TIMEOUT, "timeout"),
        (Trouble.CRASHED, "crashed"),
        (Trouble.RAISED, "crashed"),
    ],
)
def test_each_trouble_of_a_worker_has_its_flag(tmp_path, monkeypatch, trouble, flag):
    monkeypatch.setattr(
        WorkerPool, "run", lambda _, items, *more: [WorkerFailure(trouble, "")] * len(items)
    )
    with FormatIdentifier() as identifier:
        assert one(identifier, tmp_path, b"a").flags == (flag,)


@pytest.mark.parametrize("culprit", ["siegfried", "table", "libmagic"])
@pytest.mark.parametrize(
    ("trouble", "flag"), [(Trouble.TIMEOUT, "timeout"), (Trouble.CRASHED, "crashed")]
)
def test_what_the_other_tools_say_is_kept(tmp_path, monkeypatch, culprit, trouble, flag):
    """A file that one tool does not survive costs that tool's answer alone."""
    real = WorkerPool.run

    def run(self, items, deadline, patience=None):
        if items[0].get("without") == culprit:
            return real(self, items, deadline)
        return [WorkerFailure(trouble, "")] * len(items)

    monkeypatch.setattr(WorkerPool, "run", run)
    (tmp_path / "map.h5").write_bytes(b"\x89HDF\r\n\x1a\n\x03" + bytes(100))
    with FormatIdentifier() as identifier:
        answer = one(identifier, tmp_path, b"map.h5")
    assert answer.unchecked
    assert flag in answer.flags
    assert answer.mime_magic == ("" if culprit == "libmagic" else "application/x-hdf5")
    assert bool(answer.local) is (culprit != "table")


def test_the_deadline_grows_with_the_files_and_no_file_takes_too_long(tmp_path, monkeypatch):
    asked = []

    def run(self, items, deadline, patience=None):
        if callable(deadline):  # else it is asked again, with a tool less
            asked.append((len(items), deadline(items)))
        return [WorkerFailure(Trouble.TIMEOUT, "")] * len(items)

    monkeypatch.setattr(WorkerPool, "run", run)
    sizes = {b"small": 1, b"large": 500_000_000, b"huge": 1 << 40}
    for name, octets in sizes.items():
        with (tmp_path / name.decode()).open("wb") as file:
            file.truncate(octets)
    with FormatIdentifier() as identifier:
        for name in (*sizes, b"absent"):
            identifier.identify(tmp_path, [name])
        identifier.identify(tmp_path, list(sizes))
    small, large, huge, absent, all_three = (seconds for _, seconds in asked)
    assert absent <= small < large < huge <= 120
    assert huge < all_three < huge + large
