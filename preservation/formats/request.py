"""What crosses the pipe to a worker, in the words of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STAGING = "SAMARKAND_STAGING"  # the variable that names the folder where workers may put links


@dataclass(frozen=True, slots=True)
class Request:
    """One file to look at. Bytes travel as text with lone surrogates."""

    root: bytes
    path: bytes

    def to_json(self) -> dict[str, str]:
        """The form that crosses the pipe."""
        return {"root": _text(self.root), "path": _text(self.path)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request | None:
        """Read what :meth:`to_json` gave; None for a question about the worker itself."""
        return cls(_octets(data["root"]), _octets(data["path"])) if "path" in data else None


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
