"""kill -9 of real ``preserve`` processes at seeded moments of all that they do; then the same
command again: nothing lost, nothing twice, no false ``intact``, no process left behind, and the
same catalogue when it is made again.

A few moments here; ``SAMARKAND_SOAK`` makes it a thousand altogether (``SAMARKAND_MOMENTS`` says
how many of each command, ``SAMARKAND_SEED`` which), with its figures printed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from buckets import KEYS, described, serving
from endings import ending, payload
from homes import Archive, Guesser, quick_folder, snapshot
from post_offices import mail_server
from running import PRESERVE, PROJECT, of_home
from tiers import flip

from preservation.app.home import SystemClock
from preservation.app.keeping import retention_of
from preservation.app.policies import apply_policies, read_policies
from preservation.app.upkeep import check_catalogue
from preservation.files.remove import remove_tree

SOAK = bool(os.environ.get("SAMARKAND_SOAK"))
# A soak takes as long as the machine is busy: no test of it hangs, each command has its own limit.
pytestmark = [pytest.mark.slow, *([pytest.mark.timeout(3 * 3600)] if SOAK else [])]

MOMENTS = int(os.environ.get("SAMARKAND_MOMENTS", "80" if SOAK else "1"))
SEED = int(os.environ.get("SAMARKAND_SEED", "21"))
IN_SHORT = ("rebuild", "notify")  # what no other test kills, and is short
TICK = os.sysconf("SC_CLK_TCK")
LOOK = 0.002  # seconds between two looks at a process
LEFT = 20  # seconds in which whoever worked for a killed process has to notice, and end
PERSON = (  # the command under an account that is a person's
    "import pwd, types; pwd.getpwuid = lambda _: types.SimpleNamespace(pw_name='ana'); "
    "from preservation.cli.main import run; run()"
)
DEPOSITS = {
    name: {"name.txt": name.encode(), "deep/er/b.bin": os.urandom(200_000)}
    | {f"many/{n:03}.txt": f"{name} {n}".encode() for n in range(40)}
    for name in ("first", "second", "third")
}
LARGE = {"a.bin": os.urandom(9 << 20), "b.bin": os.urandom(9 << 20)}
Judge = Callable[[Archive], None]


@dataclass
class Scene:
    """A home in which a command is due.

    Attributes:
        home: where each moment has a copy; in one place, since deposits are known by their paths.
        again: types of events that a second run may rightly give once more.
        before: makes the surroundings fresh.
        is_done: whether the command has nothing left to do, and would refuse.
        judge: what is true in the end, beside what is true of all.
        works: CPU seconds that it uses from when it first has a file of the home open.
    """

    home: Archive
    words: Sequence[str]
    again: frozenset[str] = frozenset()
    before: Callable[[], None] = lambda: None
    is_done: Callable[[], bool] = lambda: False
    judge: Judge = lambda _: None
    exits: frozenset[int] = frozenset({0})
    seen: Counter[str] = field(default_factory=Counter)
    works: float = 0.0

    def fresh(self, kept: Archive) -> None:
        """Everything as it was before."""
        remove_tree(self.home.home)
        shutil.copytree(kept.home, self.home.home, symlinks=True)
        self.before()

    def start(self) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", PERSON] if self.words[0] == "retention" else [PRESERVE]
        places = {"HOME": self.home.home, "POLICIES": self.home.policies}
        return subprocess.Popen(
            [*map(str, program), *self.words],
            env=os.environ | {f"PRESERVATION_{name}": str(at) for name, at in places.items()},
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self) -> None:
        """To its end."""
        process = self.start()
        said = process.communicate(timeout=300)[1]
        assert process.returncode in self.exits, said

    def measure(self) -> None:
        """To its end, and see how long it works."""
        process = self.start()
        self.works = max(self.working(process), default=0.0)
        said = process.communicate()[1]
        assert process.returncode in self.exits, said

    def working(self, process: subprocess.Popen[str]) -> Iterator[float]:
        """CPU seconds since it has a file of the home open, again and again until it ends."""
        began: float | None = None
        while (spent := cpu_of(process)) is not None:
            if began is None and has_open(process, self.home.home):
                began = spent
            if began is not None:
                yield spent - began
            time.sleep(LOOK)

    def killed(self, at: float, after: float, *, alone: bool) -> bool:
        """Kill the process, or all that belongs to it; False if it had ended.

        Args:
            at: CPU seconds of work that it did by then: a busy machine doesn't move the moment.
            after: seconds that are waited then, in which it may be waiting itself.
        """
        process = self.start()
        next((spent for spent in self.working(process) if spent >= at), None)
        time.sleep(after)
        if alone:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[1]
        if process.returncode == -signal.SIGKILL:
            return True
        assert process.returncode in self.exits, said
        return False


def cpu_of(process: subprocess.Popen[str]) -> float | None:
    """CPU seconds of a process so far; None once it has ended, though nobody heard of it yet."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return None if stat[0] == "Z" else (int(stat[11]) + int(stat[12])) / TICK


def has_open(process: subprocess.Popen[str], folder: Path) -> bool:
    """Whether a process has anything below a folder open."""
    fds = Path(f"/proc/{process.pid}/fd")
    with suppress(OSError):  # it closed one meanwhile, or ended
        return any(os.readlink(fd).startswith(f"{folder}/") for fd in fds.iterdir())
    return False


def believed(archive: Archive) -> Counter[tuple[str, str]]:
    """How often each replica was said to be intact."""
    return Counter(
        (event.aip, event.tier)
        for event in {event.id: event for event in archive.events()}.values()
        if (event.type.value, event.outcome) == ("fixity check", "intact")
    )


def nothing_is_lost_or_believed_falsely(kept: Archive, archive: Archive) -> None:
    """At whatever moment it was killed: what counts is there, byte for byte, or was harmed before,
    and nobody said intact of it since; a deposit that is not whole any more is kept twice.
    """
    then, now = believed(kept), believed(archive)
    sound: Counter[str] = Counter()
    with archive.opened() as (parts, _):
        titles = {row.key: row.title for row in parts.catalogue.versions()}
        tiers = parts.every_tier()
        disposing = {row.key for row in parts.catalogue.custody.removals(pending=True)}
        for row in parts.catalogue.replicas():
            if row.state.value != "verified" or row.key in disposing:
                continue
            name, of = titles[row.key], (row.key.aip, row.tier)
            if payload(tiers[row.tier], row) == (DEPOSITS | {"large": LARGE})[name]:
                sound[name] += 1
            else:
                assert now[of] == then[of], f"{name} on {row.tier} is damaged, and called intact"
    for name, files in DEPOSITS.items():
        put = {archive.inbox / name / path: data for path, data in files.items()}
        whole = all(path.exists() and path.read_bytes() == data for path, data in put.items())
        assert whole or sound[name] >= 2, f"{name} is neither in the inbox nor kept twice"


def nobody_is_left(archive: Archive) -> None:
    until = time.monotonic() + LEFT
    while (left := of_home(archive.home)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == [], "processes outlive the one that they worked for"


def ended_well(scene: Scene, kept: Archive, wanted: dict[str, object]) -> None:
    archive = scene.home
    nobody_is_left(archive)
    assert ending(archive, scene.again) == wanted
    assert archive.unfinished() == []
    nothing_is_lost_or_believed_falsely(kept, archive)
    scene.judge(archive)
    with archive.opened() as (parts, _):
        parts.drain()
    _, different = check_catalogue(archive.home)
    assert different == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    ground = quick_folder(tmp_path_factory.mktemp("preserve"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "preservation.app.services.tools.FormatIdentifier", Guesser
        )  # in this process alone
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield ground
    remove_tree(ground)


def home(root: Path, rules: dict[str, Any] | None = None, **more: Any) -> Archive:
    """A home in the time of this machine, with three deposits in its inbox."""
    archive = Archive(root, rules, clock=SystemClock(), **more)
    for name, files in DEPOSITS.items():
        archive.put(name, files)
    return archive


def full(root: Path, rules: dict[str, Any] | None = None) -> Archive:
    """The same with everything taken in and replicated."""
    archive = home(root, rules)
    archive.take_inbox()
    archive.replicate()
    return archive


def harmed(root: Path, rules: dict[str, Any] | None = None) -> Archive:
    """The same with one byte changed on a folder tier, and one on a tar tier."""
    archive = full(root, rules)
    flip(min(archive.tier("mirror").glob("notes/*/*/*/v1/data/deep/er/b.bin")), 70_000)
    flip(sorted(archive.tier("deep").glob("notes/*/*/*/v1.tar"))[1], 100_000)
    return archive


def ingest(root: Path, _: ExitStack) -> Scene:
    return Scene(home(root), ["ingest", "--inbox"])


def ingest_replicating(root: Path, _: ExitStack) -> Scene:
    """Each first replica is read back while the other one is made from it."""
    folders = [{"tier": name, "packaging": "folder"} for name in ("vault", "mirror")]
    return Scene(home(root, {"replicas": folders}), ["ingest", "--inbox", "--replicate"])


def replicate(root: Path, _: ExitStack) -> Scene:
    archive = home(root)
    archive.take_inbox()
    return Scene(archive, ["replicate"])


def replicate_parts(root: Path, stack: ExitStack) -> Scene:
    """To a bucket whose objects may not be large: what is there of earlier moments goes first."""
    server = stack.enter_context(serving("moto"))
    client = server.client()
    bucket = described(server.endpoint, "kills", object_limit="8 MiB")
    archive = home(root, tiers={"deep": bucket})
    archive.put("large", LARGE)
    archive.take_inbox()

    def keys() -> set[str]:
        listed = client.list_objects_v2(Bucket="keeping", Prefix="kills/")
        return {one["Key"] for one in listed.get("Contents", ())}

    first = keys()

    def emptied() -> None:
        """Of copies of the journal, too: those of another life of the home are none of its own."""
        for key in keys() - first:
            client.delete_object(Bucket="keeping", Key=key)
        for up in client.list_multipart_uploads(Bucket="keeping").get("Uploads", ()):
            client.abort_multipart_upload(Bucket="keeping", Key=up["Key"], UploadId=up["UploadId"])

    return Scene(archive, ["replicate"], before=emptied)


def audit(root: Path, _: ExitStack) -> Scene:
    checks = frozenset({"fixity check"})
    return Scene(harmed(root), ["audit", "--all"], checks, exits=frozenset({4}))


def repair(root: Path, _: ExitStack) -> Scene:
    archive = harmed(root)
    assert len(archive.audit().findings) == 2

    def healed(archive: Archive) -> None:
        assert archive.audit().outcomes["intact"] == 9

    again = frozenset({"fixity check", "repair begun"})
    return Scene(archive, ["repair"], again, judge=healed)


def approved(archive: Archive) -> str:
    with archive.opened() as (parts, policy):
        service = retention_of(parts)
        proposal = service.reviewer.review(policy).proposal
        assert proposal is not None
        service.approve(proposal.digest, "ana", "")
        return proposal.digest


def dispose(root: Path, _: ExitStack) -> Scene:
    archive = full(root, {"retention": {"keep": "1s", "approvals": 1}})
    time.sleep(1.1)
    words = ["retention", "dispose", approved(archive), "--reason", "kept long enough"]
    return Scene(archive, words, frozenset({"fixity check"}))


def migrate(root: Path, _: ExitStack) -> Scene:
    """The old replica goes, since another tier has the new one, verified."""
    rules: dict[str, Any] = {"retention": {"keep": "forever", "approvals": 1}}
    first = [{"tier": name, "packaging": "folder"} for name in ("vault", "mirror")]
    archive = full(root, rules | {"replicas": first})
    then = [{"tier": "vault", "packaging": "folder"}, {"tier": "deep", "packaging": "tar"}]
    archive.write_policies(rules | {"replicas": then})
    with archive.opened() as (parts, _policy):
        checked = read_policies(archive.policies).require()
        apply_policies(parts.home, checked, "us", "moving", archive.clock, consent="we")
    archive.replicate()
    words = ["retention", "dispose", approved(archive), "--reason", "moved"]
    return Scene(archive, words, frozenset({"fixity check"}))


def release(root: Path, _: ExitStack) -> Scene:
    rules = {"intake": {"release": {"mode": "delete", "after": "0s"}}, "minimum": {"replicas": 2}}

    def gone(archive: Archive) -> None:
        assert [path.name for path in archive.inbox.iterdir()] == [".released"]
        assert list((archive.inbox / ".released").iterdir()) == []

    archive = home(root, rules)

    def taken_in() -> None:  # now: a deposit that was copied meanwhile is another one
        archive.take_inbox()
        archive.replicate()

    again = frozenset({"deposit release"})  # told before the act, and once more by who ends it
    return Scene(archive, ["inbox", "release"], again, before=taken_in, judge=gone)


def export(root: Path, _: ExitStack) -> Scene:
    archive = full(root)
    bag = min(archive.tier("vault").glob("notes/*/*/*/v1"))

    held = {path: row[-1] for path, row in snapshot(bag).items()}
    out = root / "out" / "bag"

    def emptied() -> None:
        remove_tree(out.parent)
        out.parent.mkdir()

    def whole(_: Archive) -> None:
        left = {path.name for path in out.parent.iterdir()}
        assert {name for name in left if not name.startswith(".export-")} == {"bag"}
        assert {path: row[-1] for path, row in snapshot(out).items()} == held

    words = ["aip", "export", bag.parent.name, str(out)]
    return Scene(archive, words, before=emptied, is_done=out.exists, judge=whole)


def drill(root: Path, _: ExitStack) -> Scene:
    archive = full(root, {"drill": {"every": "30d", "tiers": ["mirror", "deep"]}})
    before = tier_content(archive)

    def as_before(archive: Archive) -> None:
        assert tier_content(archive) == before
        passed = [event.outcome for event in archive.events() if event.type.value == "drill"]
        assert 1 <= len(passed) <= 2
        assert set(passed) == {"success"}

    return Scene(archive, ["drill"], frozenset({"drill"}), judge=as_before)


def tier_content(archive: Archive) -> dict[bytes, object]:
    """What is kept, without copies of the journal, which go on, and names of work in progress."""
    return {
        path: row[-1]
        for path, row in snapshot(archive.home / "tiers").items()
        if b"/notes/" in path
    }


def rebuild(root: Path, _: ExitStack) -> Scene:
    archive = harmed(root)
    archive.audit()
    return Scene(archive, ["catalogue", "rebuild"], frozenset({"catalogue rebuild"}))


def drain(root: Path, _: ExitStack) -> Scene:
    return Scene(full(root), ["journal", "drain"])


def reconcile(root: Path, _: ExitStack) -> Scene:
    archive = full(root)
    min(archive.tier("mirror").glob("notes/*/*/*/v1.seal.json")).unlink()
    return Scene(archive, ["tier", "reconcile"], exits=frozenset({4}))


def notify(root: Path, stack: ExitStack) -> Scene:
    """Somebody is told at least once, twice at most, and never a third time."""
    box = stack.enter_context(mail_server())
    archive = harmed(root, {"notify": [{"to": "mailto:ann@example.org", "findings": "now"}]})
    settings = archive.home / "samarkand.toml"
    mail = f'[mail]\nserver = "127.0.0.1:{box.port}"\nsecurity = "none"\nsender = "s@example.org"\n'
    settings.write_text(settings.read_text() + mail)
    archive.audit()

    def told(archive: Archive) -> None:
        many = len(box.raw)
        assert 1 <= many <= 2
        scene.run()
        assert len(box.raw) == many

    scene = Scene(archive, ["notify"], frozenset({"notice"}), before=box.raw.clear, judge=told)
    return scene


def report(root: Path, _: ExitStack) -> Scene:
    def whole(archive: Archive) -> None:
        named = list((archive.home / "reports").rglob("report.json"))
        assert named
        assert all(
            one.with_name("report.html").read_text().rstrip().endswith("</html>") for one in named
        )

    return Scene(full(root), ["report"], frozenset({"report"}), judge=whole)


SCENES = (
    ingest, ingest_replicating, replicate, replicate_parts, audit, repair, dispose, migrate,
    release, export, drill, rebuild, drain, reconcile, notify, report,
)  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [one for one in SCENES if SOAK or one.__name__ in IN_SHORT],
    ids=lambda make: make.__name__,
)
def test_a_killed_command_is_completed_by_the_next(
    make: Callable[[Path, ExitStack], Scene], place: Path
) -> None:
    draw = random.Random(f"{make.__name__} {SEED}")
    root = place / make.__name__
    root.mkdir()
    with ExitStack() as stack:
        scene = make(root, stack)
        kept = scene.home.copied_to(root / "kept")
        scene.fresh(kept)
        scene.measure()
        wanted = ending(scene.home, scene.again)
        ended_well(scene, kept, wanted)
        for number in range(MOMENTS):
            scene.fresh(kept)
            at, after = draw.uniform(0, scene.works), draw.uniform(0, 1 / TICK)
            alone = draw.random() < 0.5
            try:
                scene.seen["killed" if scene.killed(at, after, alone=alone) else "ended"] += 1
                nothing_is_lost_or_believed_falsely(kept, scene.home)
                if not scene.is_done():
                    scene.run()
                ended_well(scene, kept, wanted)
            except AssertionError as error:
                error.add_note(
                    f"moment {number}, killed after {at:.2f} of {scene.works:.2f} CPU seconds of "
                    f"work, and {after:.3f} more, {alone=}"
                )
                raise
    remove_tree(root)
    print(f"{make.__name__}: {dict(scene.seen)}")
