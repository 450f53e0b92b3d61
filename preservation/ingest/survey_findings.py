"""What a survey may find, each with what to do about it; and how occurrences are counted.

Errors are what an ingest refuses; warnings are kept as they are and worth knowing.
"""

from __future__ import annotations

import re
from dataclasses import field

from preservation.ingest.survey_result import SurveyFinding
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity
from preservation.model.names import display

_ONE_OR_MANY = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")
_E, _W = Severity.ERROR, Severity.WARNING

# Code: severity, what is wrong ("[one|many]" is chosen by the number), what to do. Errors first,
# in order of weight.
CODES: dict[str, tuple[Severity, str, str]] = {
    "SUR-UNREADABLE": (
        _E,
        "{n} [file or folder|files or folders] can't be read",
        "give this account the right to read them, or copy them from a medium that still works",
    ),
    "SUR-LINK-OUT": (
        _E,
        "{n} symbolic [link leads|links lead] out of the folder",
        "put the files themselves in their place, or remove the links",
    ),
    "SUR-LINK-LOOP": (_E, "{n} symbolic [link leads|links lead] round in circles", "remove them"),
    "SUR-LINK-DANGLING": (
        _E,
        "{n} symbolic [link leads|links lead] nowhere",
        "find what they meant and put it in their place, or remove them",
    ),
    "SUR-LINK-INSIDE": (
        _E,
        "{n} symbolic [link points to another place|links point to other places] in the folder",
        "put the files themselves in their place: an archived package has no links",
    ),
    "SUR-SPECIAL": (
        _E,
        "{n} [FIFO, socket or device has|FIFOs, sockets or devices have] no bytes to keep",
        "remove them",
    ),
    "SUR-NAME-UTF8": (
        _E,
        "{n} [name is|names are] not UTF-8, so that no manifest can hold [it|them]",
        "find the encoding they were made in and rename them, e.g. with convmv",
    ),
    "SUR-DIGEST-DIFFERS": (
        _E,
        "{n} [file differs|files differ] from a digest that came along",
        "ask the depositor for good copies before anything else",
    ),
    "SUR-FORMAT-DAMAGED": (
        _W,
        "{n} [file|files] may be damaged: cut off, or a container that can't be opened",
        "open them; ask the depositor for another copy",
    ),
    "SUR-FORMAT-TROUBLE": (
        _W,
        "{n} [file|files] brought the format tools down, or kept them busy for too long",
        "treat them with care: they may be hostile",
    ),
    "SUR-NAME-CASE": (
        _W,
        "{n} [group|groups] of names differ by upper and lower case alone",
        "rename one of each if people on Windows or macOS are to unpack them",
    ),
    "SUR-NAME-FORM": (
        _W,
        "{n} [group|groups] of names look the same and differ in Unicode form (NFC, NFD)",
        "see whether one of each is a copy that got lost on its way between systems",
    ),
    "SUR-NAME-CONTROL": (
        _W,
        "{n} [name holds|names hold] control characters, such as a line break",
        "rename them: many tools misread them",
    ),
    "SUR-NAME-INVISIBLE": (
        _W,
        "{n} [name holds|names hold] invisible or direction-changing characters",
        "see whether the name is what it seems to be; programs can hide behind such names",
    ),
    "SUR-NAME-EDGE": (
        _W,
        "{n} [name has|names have] a space at either end, or a dot at the last",
        "rename them: Windows and some stores drop what they end with",
    ),
    "SUR-NAME-WINDOWS": (
        _W,
        "{n} [name|names] can't exist on Windows",
        "rename them if people on Windows are to unpack them",
    ),
    "SUR-NAME-LONG": (
        _W,
        "{n} [name or path is|names or paths are] longer than some systems can hold",
        "shorten them if people on other systems are to unpack them",
    ),
    "SUR-NAME-PERCENT": (
        _W,
        "{n} [name holds|names hold] a percent sign, which many BagIt tools get wrong",
        "nothing here: we write and read them as RFC 8493 says",
    ),
    "SUR-HARDLINK": (
        _W,
        "{n} [name shares its|names share their] bytes with another name (hard links)",
        "nothing: each becomes a file of its own, and takes its own space",
    ),
    "SUR-SPARSE": (
        _W,
        "{n} [file has|files have] holes, and will take more space in a replica than here",
        "nothing, if the disk that holds the replicas has the room",
    ),
    "SUR-EMPTY-FILE": (_W, "{n} [file is|files are] empty", "ask whether that is meant"),
    "SUR-EMPTY-FOLDER": (
        _W,
        "{n} [folder is|folders are] empty",
        "nothing: metadata/tree.csv records them, since a bag can't hold them",
    ),
    "SUR-FORMAT-UNKNOWN": (
        _W,
        "{n} [file has|files have] a format that PRONOM does not know",
        "ask the depositor what they are, and for documentation of the format",
    ),
    "SUR-FORMAT-DOUBTFUL": (
        _W,
        "{n} [file has|files have] a doubtful format: a guess, or two tools that disagree",
        "look at some of them",
    ),
    "SUR-FORMAT-NAME": (
        _W,
        "{n} [file is|files are] something else than the name says",
        "look at some of them; most often the name is merely unusual",
    ),
    "SUR-DIGEST-ABSENT": (
        _W,
        "{n} [file is|files are] listed with a digest and not here",
        "ask the depositor whether something is missing",
    ),
    "SUR-BAG-INSIDE": (
        _W,
        "{n} [folder inside is a BagIt bag of its|folders inside are BagIt bags of their] own",
        "consider taking each in as a deposit of its own: then its manifests are verified",
    ),
}


@dataclass(slots=True)
class _Count:
    count: int = 0
    octets: int = 0
    examples: list[str] = field(default_factory=list)


class Tally:
    """Counts occurrences by code and keeps the first few as examples.

    Args:
        examples: how many to keep per code.
    """

    def __init__(self, examples: int) -> None:
        self._most = examples
        self._counts: dict[str, _Count] = {}
        self._unreadable: set[bytes] = set()

    def add(self, code: str, path: bytes, octets: int = 0, note: str = "") -> None:
        """One more occurrence.

        Args:
            code: of ``CODES``.
            path: where, as bytes; shown escaped.
            octets: how large it is.
            note: what to say beside the path; printable.
        """
        if code == "SUR-UNREADABLE":  # several steps may stumble over the same file
            if path in self._unreadable:
                return
            self._unreadable.add(path)
        count = self._counts.setdefault(code, _Count())
        count.count += 1
        count.octets += octets
        if len(count.examples) < self._most:
            count.examples.append(f"{display(path)} ({note})" if note else display(path))

    def count(self, code: str) -> int:
        """How often it occurred."""
        return self._counts[code].count if code in self._counts else 0

    def findings(self) -> tuple[SurveyFinding, ...]:
        """One finding per code that occurred, in the order of ``CODES``."""
        return tuple(
            SurveyFinding(
                code=code,
                severity=severity,
                count=self._counts[code].count,
                octets=self._counts[code].octets,
                message=_worded(message, self._counts[code].count),
                hint=hint,
                examples=tuple(self._counts[code].examples),
            )
            for code, (severity, message, hint) in CODES.items()
            if code in self._counts
        )


def _worded(message: str, count: int) -> str:
    chosen = _ONE_OR_MANY.sub(lambda found: found[1 if count == 1 else 2], message)
    return chosen.format(n=f"{count:,}")
