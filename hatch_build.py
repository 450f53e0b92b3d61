"""Compiles what hashes several files at once, where a compiler is there.

See docs/decisions/0205-several-files-are-hashed-at-once.md.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOM = Path("preservation/fixity")
_SOURCES = ("sha2.c", "sha2_kernels.c")
_FLAGS = ("-O3", "-fPIC", "-shared", "-fvisibility=hidden")


class Lanes(BuildHookInterface):  # type: ignore[type-arg]
    """The extension in C; without it OpenSSL takes the digests, more slowly."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if self.target_name != "wheel" or platform.machine() != "x86_64":
            return
        room = Path(self.root) / _ROOM
        made = room / f"_sha2{sysconfig.get_config_var('EXT_SUFFIX')}"
        aside = made.with_suffix(f".{os.getpid()}")  # a running program may have the last one open
        include = sysconfig.get_paths()["include"]
        sources = [room / "native" / name for name in _SOURCES]
        command = [os.environ.get("CC", "cc"), *_FLAGS, f"-I{include}", *sources, "-o", aside]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", None) or str(error)
            self.app.display_warning(
                f"files are hashed one after the other, two to three times as slowly: {why}"
            )
            with suppress(OSError):  # in a folder that is read-only the last one stays, if any
                made.unlink()
            return
        aside.replace(made)
        build_data["artifacts"].append(str(_ROOM / made.name))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
