"""What crosses the pipe to a worker, in the words of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from preservation.model.deferred import dataclass

_EXTENSION = re.compile(rb"\.([0-9A-Za-z_+~-]{1,32})\Z")
TOOLS = ("siegfried", "table", "libmagic")  # that can be left out, the likeliest culprit first
STAGING = "SAMARKAND_STAGING"  # the variable that names the folder where workers may put links


@dataclass(frozen=True, slots=True)
class Request:
    """One file to look at. Bytes travel as text with lone surrogates.

    Attributes:
        without: a tool that is not to be asked, since it did not survive the file before.
    """

    root: bytes
    path: bytes
    without: str = ""

    def to_json(self) -> dict[str, str]:
        """The form that crosses the pipe."""
        said = {"root": _text(self.root), "path": _text(self.path)}
        return said | {"without": self.without} if self.without else said

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request | None:
        """Read what :meth:`to_json` gave; None for a question about the worker itself."""
        if "path" not in data:
            return None
        return cls(_octets(data["root"]), _octets(data["path"]), data.get("without", ""))


def extension_of(path: bytes) -> str:
    """What a name claims: the extension in lower case, without the dot; empty if there is none."""
    found = _EXTENSION.search(path)
    return found[1].decode().lower() if found else ""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
