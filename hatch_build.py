"""Compiles what looks at many files and reads many small ones in a call, and what hashes several
at once, where a compiler is there.

See docs/decisions/0205-several-files-are-hashed-at-once.md, 0220-small-files-are-read-in-c.md and
0222-a-folder-is-copied-while-it-is-walked.md.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOM = Path("preservation")
_SOURCES = {
    "files/_looks": ("looks.c",),
    "fixity/_small": ("small.c",),
    "fixity/_sha2": ("sha2.c", "sha2_kernels.c"),
}
_ONE_BY_ONE = {
    "files/_looks": "files are looked at one after the other, more slowly",
    "fixity/_small": "small files are read one after the other, more slowly",
    "fixity/_sha2": "files are hashed one after the other, two to three times as slowly",
}
_FLAGS = ("-O3", "-fPIC", "-shared", "-fvisibility=hidden")


class Native(BuildHookInterface):  # type: ignore[type-arg]
    """The extensions in C; without them Python and OpenSSL do the same work, more slowly."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if self.target_name != "wheel" or platform.system() != "Linux":
            return
        for name, sources in _SOURCES.items():
            if name == "fixity/_sha2" and platform.machine() != "x86_64":
                continue
            made = Path(self.root) / _ROOM / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
            why = _compile([made.parent / "native" / source for source in sources], made)
            if why:
                self.app.display_warning(f"{_ONE_BY_ONE[name]}: {why}")
                continue
            build_data["artifacts"].append(
                str(_ROOM / name) + made.name.removeprefix(Path(name).name)
            )
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def _compile(sources: Sequence[Path], made: Path) -> str:
    """Make an extension; what is in the way of it, if anything is."""
    aside = made.with_suffix(f".{os.getpid()}")  # a running program may have the last one open
    include = sysconfig.get_paths()["include"]
    command = [os.environ.get("CC", "cc"), *_FLAGS, f"-I{include}", *sources, "-o", aside]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        with suppress(OSError):  # in a folder that is read-only the last one stays, if any
            made.unlink()
        return getattr(error, "stderr", None) or str(error)
    aside.replace(made)
    return ""
