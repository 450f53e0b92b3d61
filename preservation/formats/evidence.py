"""Evidence: everything the tools said about one file, before anyone weighs it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from preservation.model.deferred import dataclass


class Status(Enum):
    """Whether the file could be asked at all. Anything but ``READ`` is not about its format."""

    READ = "read"
    EMPTY = "empty"
    UNREADABLE = "unreadable"  # absent, denied, a medium error, or not a regular file
    TIMEOUT = "timeout"  # a tool did not answer within the file's deadline
    CRASHED = "crashed"  # a tool died of it


class Content(Enum):
    """What a cheap look inside says about a claim that rests on the extension alone."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was said about one file.

    Attributes:
        extension: of the name, lower case, without the dot; empty if there is none.
        puid, name, version, mime, group, basis, warning: Siegfried's words for its match;
            ``puid`` is empty where it says ``UNKNOWN``, ``group`` is PRONOM's classification.
        candidates: other PUIDs it names, by extension or by ambiguity.
        several: whether it names several matches as equal.
        error: what Siegfried's reader of containers complained about.
        magic: libmagic's MIME type; None where there is no libmagic.
        content: only tested where the match rests on the extension.
        local: id of the row of our own table that the file matches; empty if none.
        text: whether the head is text.
        claims: whether the extension is known to belong to some format.
        without: why a tool gave no answer: it did not survive the file; None if all did.
        troubles: flag and reason of what a look at the structure found wrong.
    """

    status: Status
    extension: str = ""
    puid: str = ""
    name: str = ""
    version: str = ""
    mime: str = ""
    group: str = ""
    basis: str = ""
    warning: str = ""
    candidates: tuple[str, ...] = ()
    several: bool = False
    error: str = ""
    magic: str | None = None
    content: Content = Content.SILENT
    local: str = ""
    text: bool = False
    claims: bool = False
    without: Status | None = None
    troubles: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form that crosses the pipe from the worker: without what is as it is by default."""
        told = {name: said for name in self.__slots__ if (said := getattr(self, name))}
        told["magic"] = self.magic  # of which empty and none are two things
        return told | {"status": self.status.value, "content": self.content.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Read what :meth:`to_json` gave."""
        return cls(
            **{
                **data,
                "status": Status(data["status"]),
                "content": Content(data["content"]),
                "without": Status(data["without"]) if data.get("without") else None,
                "candidates": tuple(data.get("candidates", ())),
                "troubles": tuple((flag, why) for flag, why in data.get("troubles", ())),
            }
        )
