"""Virus scans: by a real daemon, and by things that only seem to be one."""

from __future__ import annotations

import os
import socket
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from checked_files import locked_archive
from virus_daemons import EICAR, clamd, faulty_daemon, streamed

from preservation.errors import NotNowError, UsageError
from preservation.formats.patience import DepositPatience
from preservation.ingest import virus
from preservation.ingest.virus import Address, VirusScanner
from preservation.model.virus_scan import ScanOutcome

CLEAN, INFECTED, NOT = ScanOutcome.CLEAN, ScanOutcome.INFECTED, ScanOutcome.NOT_SCANNED


def nested(content: bytes, times: int) -> bytes:
    for _ in range(times):
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", content)
        content = packed.getvalue()
    return content


FILES = {
    "plain": (b"nothing to see", CLEAN, ""),
    "empty": (b"", CLEAN, ""),
    "EICAR": (EICAR, INFECTED, "Eicar.Test.UNOFFICIAL"),
    "EICAR in archives": (nested(EICAR, 3), INFECTED, "Eicar.Test.UNOFFICIAL"),
    "archive": (nested(b"x", 2), CLEAN, ""),
    "too many archives": (nested(b"x", 40), NOT, "limits exceeded"),
    "locked archive": (locked_archive(), NOT, "encrypted"),
    "over the limit of a file": (b"a" * (2 << 20) + EICAR, NOT, "size limit"),
    "over the limit of a stream": (b"a" * (4 << 20) + EICAR, NOT, "size limit"),
}


def put(folder: Path) -> list[bytes]:
    for number, (content, _, _) in enumerate(FILES.values()):
        (folder / str(number)).write_bytes(content)
    return [str(number).encode() for number in range(len(FILES))]


def test_a_real_daemon_that_tells_its_limits(tmp_path):
    paths = put(tmp_path)
    (tmp_path / "link").symlink_to("0")
    os.mkfifo(tmp_path / "fifo")
    with clamd() as address, VirusScanner(address) as scanner:
        assert scanner.engine.version.startswith("ClamAV ")
        assert scanner.engine.tells
        said = scanner.scan(tmp_path, [*paths, b"link", b"fifo", b"absent"])
    wanted = [(outcome, reason) for _, outcome, reason in FILES.values()]
    assert [(one.outcome, one.reason) for one in said] == wanted + [(NOT, "unreadable")] * 3


@pytest.mark.parametrize("settings", ["", "AlertExceedsMax yes\n", "AlertEncrypted yes\n"])
def test_the_ok_of_a_daemon_that_does_not_tell_is_no_proof(tmp_path, settings):
    paths = put(tmp_path)
    with clamd(settings) as address, VirusScanner(address) as scanner:
        assert not scanner.engine.tells
        said = dict(zip(FILES, scanner.scan(tmp_path, paths), strict=True))
    assert not [word for word, one in said.items() if one.outcome is CLEAN]
    assert said["EICAR"].outcome is INFECTED
    assert said["plain"].reason == "limits not told"


def test_a_daemon_that_goes_away_leaves_nothing_clean(tmp_path):
    paths = put(tmp_path)[:2]
    with clamd() as address:
        scanner = VirusScanner(address)
        assert scanner.engine.tells
    with scanner:
        said = scanner.scan(tmp_path, paths)
    assert [(one.outcome, one.reason) for one in said] == [(NOT, "no daemon")] * 2


def test_without_an_address_nothing_is_scanned(tmp_path):
    with VirusScanner("") as scanner:
        [said] = scanner.scan(tmp_path, put(tmp_path)[:1])
        assert (said.outcome, said.reason) == (NOT, "no daemon")
        with pytest.raises(NotNowError, match="no daemon is configured") as caught:
            _ = scanner.engine
    assert caught.value.code == "VIR-NO-DAEMON"


def telling(made: socket.socket, command: bytes, last: bytes | None) -> None:
    """Answer as a daemon that tells its limits, but for content of ours say ``last``."""
    if command == b"VERSION":
        made.sendall(b"ClamAV 9.9\0")
        return
    content = streamed(made)
    if not content.startswith(b"PK"):
        if last is None:
            time.sleep(60)
        made.sendall(last or b"")
    elif len(content) < 300:
        made.sendall(b"stream: Heuristics.Encrypted.Zip FOUND\0")
    else:
        made.sendall(b"stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0")


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (b"", "error"),  # it hangs up
        (b"stream: O", "error"),  # it hangs up within a word
        (b"stream: OK", "error"),  # it hangs up before the end
        (b"rubbish\0", "error"),
        (b"stream: OK\nstream: OK\0", "error"),
        (b"OK FOUND? OK\0", "error"),
        (b"\xff\xfe\x00", "error"),
        (b"x" * 10_000, "error"),
        (b"COMMAND READ TIMED OUT\0", "error"),
        (b"INSTREAM size limit exceeded. ERROR\0", "size limit"),
        (b"stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\0", "limits exceeded"),
    ],
)
def test_a_daemon_that_speaks_nonsense_finds_nothing_clean(tmp_path, last, reason):
    (tmp_path / "a").write_bytes(b"a")
    with (
        faulty_daemon(lambda made, command: telling(made, command, last)) as address,
        VirusScanner(address) as scanner,
    ):
        [said] = scanner.scan(tmp_path, [b"a"])
    assert (said.outcome, said.reason) == (NOT, reason)
    assert said.message.isprintable()


def test_a_daemon_that_hangs_costs_its_time_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(virus, "_LEAST_SECONDS", 0.3)
    (tmp_path / "a").write_bytes(b"a")
    with (
        faulty_daemon(lambda made, command: telling(made, command, None)) as address,
        VirusScanner(address) as scanner,
    ):
        [said] = scanner.scan(tmp_path, [b"a"])
    assert (said.outcome, said.reason) == (NOT, "timeout")


def test_a_daemon_that_hangs_costs_a_deposit_no_more_than_its_patience(tmp_path, monkeypatch):
    """Not its time for each of ten thousand files."""
    monkeypatch.setattr(virus, "_LEAST_SECONDS", 2.5)  # half a second more than any file may take
    (tmp_path / "a").write_bytes(b"a")
    with (
        faulty_daemon(lambda made, command: telling(made, command, None)) as address,
        VirusScanner(address) as scanner,
    ):
        said = scanner.scan(tmp_path, [b"a"] * 10_000, DepositPatience(0.4))
        assert scanner.scan(tmp_path, [b"a"], DepositPatience(0.0)) == said[-1:]
    assert {(one.outcome, one.reason) for one in said} == {(NOT, "timeout")}
    assert "other files" in said[-1].message


def test_a_daemon_that_says_ok_before_it_has_all_of_a_file_is_not_believed(tmp_path):
    def hasty(made: socket.socket, command: bytes) -> None:
        if command == b"VERSION" or (head := made.recv(6, socket.MSG_PEEK))[4:] == b"PK":
            telling(made, command, b"")
        else:
            assert len(head) == 6
            made.sendall(b"stream: OK\0")

    (tmp_path / "a").write_bytes(bytes(32 << 20))
    with faulty_daemon(hasty) as address, VirusScanner(address) as scanner:
        [said] = scanner.scan(tmp_path, [b"a"])
    assert said.outcome is NOT


def test_what_is_no_clamav_is_no_daemon(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    with (
        faulty_daemon(lambda made, _: made.sendall(b"HTTP/1.1 400 Bad Request\r\n\0")) as address,
        VirusScanner(address) as scanner,
    ):
        [said] = scanner.scan(tmp_path, [b"a"])
    assert (said.outcome, said.reason) == (NOT, "no daemon")


@pytest.mark.parametrize(
    "text", ["/run/clamd", "unix:clamd", "tcp:3310", "tcp:host:0", "tcp:host:x", "http://h:1"]
)
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="not the address"):
        Address.parse(text)


def test_an_address_may_be_of_version_six():
    assert Address.parse("tcp:[::1]:3310") == Address(host="::1", port=3310)
