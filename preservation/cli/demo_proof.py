"""Other people's tools over what we stored: nobody has to believe us."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from preservation.app.parts import Parts
from preservation.catalogue.protocol import ReplicaRow
from preservation.files.temporary import temporary_folder
from preservation.model.deferred import dataclass
from preservation.model.replica import Packaging, VersionKey

_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Proof:
    """One command and how it ended."""

    command: str
    folder: Path
    ok: bool
    said: str


def prove(
    parts: Parts, community: str, key: VersionKey | None, say: Callable[[Proof], None]
) -> bool:
    """Run ``sha256sum``, ``bagit.py`` and ``tar`` over every replica of one AIP version.

    Args:
        parts: the open home.
        community: whose newest AIP is taken where ``key`` is None.
        key: the version that was damaged and healed.
        say: hears of each command.

    Returns:
        Whether all of them were content.
    """
    if key is None:
        newest = max(parts.catalogue.versions(community), key=lambda row: row.ingested_at)
        key = newest.key
    rows = parts.catalogue.replicas(community, aip=key.aip)
    results = [proof for row in rows if row.key == key for proof in _proofs(parts, row)]
    for proof in results:
        say(proof)
    return all(proof.ok for proof in results)


def _proofs(parts: Parts, row: ReplicaRow) -> Iterator[Proof]:
    place = tier_root_of(parts, row) / row.key.place(row.packaging)
    if row.packaging is Packaging.FOLDER:
        yield from _of_bag(place)
        return
    with temporary_folder("samarkand-proof-") as unpacked:
        yield _run(["tar", "-xf", str(place)], Path(unpacked))
        yield from _of_bag(Path(unpacked) / row.key.top)


def _of_bag(bag: Path) -> Iterator[Proof]:
    yield _run(["sha256sum", "--quiet", "-c", "manifest-sha256.txt"], bag)
    yield _run(["sha256sum", "--quiet", "-c", "tagmanifest-sha256.txt"], bag)
    bagit = Path(sys.executable).with_name("bagit.py")
    if bagit.exists():
        yield _run([str(bagit), "--quiet", "--validate", "."], bag)


def _run(command: list[str], folder: Path) -> Proof:
    shown = shlex.join([Path(command[0]).name, *command[1:]])
    if shutil.which(command[0]) is None:
        return Proof(shown, folder, True, "not installed here: not run")
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    last = (ended.stdout + ended.stderr).strip().splitlines()[-1:]
    return Proof(shown, folder, ended.returncode == 0, last[0] if last else "OK")


def tier_root_of(parts: Parts, row: ReplicaRow) -> Path:
    """The folder of a local tier, by the policy that governs the replica."""
    spec = parts.store.governing(row.key.community).tiers[row.tier]
    return parts.home.path / spec.path
