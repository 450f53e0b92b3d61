"""A file system whose power fails while real processes work on it: a device in a file, which is
cloned in one step; what its kernel had not written by then is not in the clone.

The file lies on an XFS with reflinks, in a file of its own in memory. A clone shows what the device
was given, in the order in which it was: a disk that keeps writes to itself and forgets them is not
in it. Nor does it matter how long a clone takes: writers wait meanwhile.

Source: ioctl_ficlone(2); ext4(5): ``commit``, ``noauto_da_alloc``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from folders import quick_folder

from preservation.files.remove import remove_tree

MIB = 1 << 20
GROUND = 4096 * MIB  # takes as much memory as is written to it
FICLONE = 0x40049409
# Nothing is written that nobody asked for: not every five seconds, nor at a rename onto a name.
OPTIONS = {"ext4": "loop,commit=300,noauto_da_alloc", "xfs": "loop"}
OCTETS = {"ext4": 96 * MIB, "xfs": 320 * MIB}
PATIENCE = 20  # seconds for whoever still has a file open


def make(flavour: str, image: Path, octets: int) -> None:
    """A new file system in a file."""
    with image.open("xb") as file:
        file.truncate(octets)
    words = (
        ["-m", "reflink=1"] if flavour == "xfs" else ["-F", "-E", "nodiscard,lazy_itable_init=1"]
    )
    subprocess.run([f"mkfs.{flavour}", "-q", *words, str(image)], check=True)


@contextmanager
def mounted(image: Path, place: Path, options: str) -> Iterator[None]:
    """Have a file system at a place; its device is freed with it.

    Raises:
        OSError: it can't be mounted, or somebody keeps it busy; then it goes when they do.
    """
    done = subprocess.run(["mount", "-o", options, image, place], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"not mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        until = time.monotonic() + PATIENCE
        while subprocess.run(["umount", place], capture_output=True).returncode:
            if time.monotonic() > until:
                subprocess.run(["umount", "--lazy", place], check=True)
                raise OSError(f"{place} is still in use")
            time.sleep(0.1)


@dataclass(frozen=True)
class Rig:
    """Where power is cut.

    Attributes:
        ground: a folder with reflinks, for images.
        place: where a file system is mounted: one at a time, always here, since deposits are known
            by their paths.
        flavour: ``ext4`` or ``xfs``.
    """

    ground: Path
    place: Path
    flavour: str

    def new(self, name: str) -> Path:
        """An image with nothing in it; there is no other one then."""
        for former in self.ground.iterdir():
            former.unlink()
        image = self.ground / name
        make(self.flavour, image, OCTETS[self.flavour])
        return image

    def clone(self, image: Path, name: str) -> Path:
        """The image as it is in this moment: of one that is mounted, as a power cut leaves it."""
        other = self.ground / name
        with image.open("rb") as source, other.open("xb") as target:
            fcntl.ioctl(target, FICLONE, source.fileno())
        return other

    def powered(self, image: Path) -> AbstractContextManager[None]:
        """Have an image in the place; what was going on when it lost power is settled first."""
        return mounted(image, self.place, OPTIONS[self.flavour])


@contextmanager
def a_rig(flavour: str, fallback: Path) -> Iterator[Rig]:
    """A rig, if the machine has what it takes; nothing is left of it."""
    for program in ("mkfs.xfs", "mkfs.ext4"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    root = quick_folder(fallback)
    try:
        ground, place = root / "ground", root / "place"
        ground.mkdir()
        place.mkdir()
        make("xfs", root / "image", GROUND)
        with ExitStack() as stack:
            try:
                stack.enter_context(mounted(root / "image", ground, "loop,discard"))
            except OSError as error:
                pytest.skip(f"no loop device: {error}")
            yield Rig(ground, place, flavour)
    finally:
        remove_tree(root)
