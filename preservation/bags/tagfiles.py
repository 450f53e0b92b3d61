"""``bagit.txt``, ``bag-info.txt`` and ``fetch.txt``: from lines to values and back.

Source: RFC 8493 sections 2.1.1, 2.2.2, 2.2.3, 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from preservation.bags.findings import Findings
from preservation.bags.lenient import Leniency
from preservation.bags.manifest import PAYLOAD, decode_path
from preservation.bags.text import known_encoding, lines, split_bom
from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.names import display, is_safe

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
VERSIONS = ("0.93", "0.94", "0.95", "0.96", "0.97", "1.0")

_VERSION = "bagit-version"
_ENCODING = "tag-file-character-encoding"
_STRICT = re.compile(r"([^:\s]+): ([!-~]+)")
_LOOSE = re.compile(r"[ \t]*([^:\s]+)[ \t]*:[ \t]*([!-~]+)[ \t]*")
_ONCE = {"bagging-date", "bag-size", "bag-group-identifier", "bag-count"}
_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:[^ \t]+")
_FETCH = re.compile(rb"([^ \t]+)[ \t]+([^ \t]+)[ \t]+(.+)", re.DOTALL)
_LENGTH = re.compile(rb"-|[0-9]{1,20}")
_OXUM = re.compile(r"([0-9]{1,20})\.([0-9]{1,20})")

_BLANK = " \t"

Element = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``bagit.txt`` says.

    Attributes:
        version: as declared; empty if it is not there.
        encoding: the codec of the other tag files; ``utf-8`` where it cannot be known.
    """

    version: str
    encoding: str

    @property
    def legacy(self) -> bool:
        """True for the versions before 1.0, whose rules differ."""
        return self.version in VERSIONS[:-1]


def parse_declaration(data: bytes, findings: Findings) -> Declaration:
    """Read the octets of ``bagit.txt``, telling all that is wrong with them.

    The severity of what it finds depends on the version that it finds.
    """
    data, had_bom = split_bom(data)
    text = [line.decode("utf-8", "replace") for line in lines([data], "")]
    loose = [match.groups() for line in text if (match := _LOOSE.fullmatch(line))]
    fields = {label.lower(): value for label, value in reversed(loose)}
    version = fields.get(_VERSION, "")
    findings.legacy = version in VERSIONS[:-1]
    if had_bom:
        findings.add("BAG-TAG-BOM", "bagit.txt")
    if "\ufffd" in "".join(text):
        findings.add("BAG-TAG-ENCODING", "bagit.txt")
    _check_form(text, fields, findings)
    if version and version not in VERSIONS:
        findings.add("BAG-VERSION", "bagit.txt", f"Found: {version}.")
    return Declaration(version, _encoding(fields.get(_ENCODING, ""), findings))


def _check_form(text: list[str], fields: dict[str, str], findings: Findings) -> None:
    found = f"Found: {display(chr(10).join(text)[:500].encode('utf-8', 'replace'))!r}."
    if not {_VERSION, _ENCODING} <= fields.keys():
        findings.add("BAG-DECLARATION", "bagit.txt", found)
        return
    strict = [match.groups() for line in text if (match := _STRICT.fullmatch(line))]
    if [label.lower() for label, _ in strict] == [_VERSION, _ENCODING] and len(text) == 2:
        return
    spaced_only = findings.legacy and len(text) == 2 and text[0].lstrip().lower()[:5] == "bagit"
    if not spaced_only:
        findings.add("BAG-DECLARATION-LINES", "bagit.txt", found)


def _encoding(declared: str, findings: Findings) -> str:
    codec = known_encoding(declared) if declared else "utf-8"
    if codec is None:
        findings.add("BAG-ENCODING-UNKNOWN", "bagit.txt", f"Found: {declared}.")
        return "utf-8"
    if codec != "utf-8":
        findings.add("BAG-ENCODING-NOT-UTF8", "bagit.txt", f"Found: {declared}.")
    return codec


def parse_bag_info(
    text: Iterable[bytes], findings: Findings, name: str = "bag-info.txt"
) -> list[Element]:
    """Read the elements in order, continuation lines joined by LF without their indentation.

    From 1.0 on one space or tab after the colon belongs to neither side; before, all do.
    """
    elements: list[Element] = []
    for number, line in enumerate(text, 1):
        words = line.decode("utf-8", "replace")
        if words[:1] in (" ", "\t") and elements:
            label, value = elements[-1]
            elements[-1] = (label, f"{value}\n{words.lstrip(_BLANK)}")
            continue
        element = _element(words, legacy=findings.legacy)
        if element is None:
            lenient = Leniency.BAG_INFO in findings.lenient
            element = _element(words, legacy=True) if lenient else None
            detail = f"Found: {display(line[:200])!r}."
            code = "BAG-INFO-LINE" if element is None else "BAG-INFO-SPACE"
            findings.add(code, f"{name}:{number}", detail)
        if element is not None:
            elements.append(element)
    _check_repeated(elements, findings, name)
    return elements


def _element(words: str, *, legacy: bool) -> Element | None:
    label, colon, value = words.partition(":")
    if legacy:
        label, value = label.strip(_BLANK), value.strip(_BLANK)
    elif value[:1] not in (" ", "\t"):
        return None
    else:
        value = value[1:]
    return (label, value) if colon and label and label == label.strip() else None


def _check_repeated(elements: list[Element], findings: Findings, name: str) -> None:
    seen: set[str] = set()
    for label, _ in elements:
        folded = label.lower()
        if folded in seen and folded in _ONCE:
            findings.add("BAG-INFO-REPEATED", name, f"Found: {display(label.encode())}.")
        seen.add(folded)


def parse_oxum(elements: Iterable[Element], findings: Findings) -> tuple[int, int] | None:
    """Payload-Oxum as octets and number of files; None if it is absent or not to be trusted."""
    values = [value.strip() for label, value in elements if label.lower() == "payload-oxum"]
    if len(values) > 1:
        findings.add("BAG-OXUM-REPEATED", "bag-info.txt")
    matches = [_OXUM.fullmatch(value) for value in values]
    for value, match in zip(values, matches, strict=True):
        if match is None:
            found = f"Found: {display(value[:200].encode('utf-8', 'replace'))!r}."
            findings.add("BAG-OXUM-SYNTAX", "bag-info.txt", found)
    sums = {(int(match[1]), int(match[2])) for match in matches if match}
    if len(sums) > 1:
        findings.add("BAG-OXUM", "bag-info.txt", "It is there with different values.")
    return sums.pop() if len(sums) == 1 else None


def format_bag_info(elements: Iterable[Element]) -> bytes:
    """Spell ``bag-info.txt`` in UTF-8, in the order given; values are not folded.

    A value may have several lines; each but the first is indented by two spaces.

    Raises:
        MalformedError: a label or value that would not be read back as it is.
    """
    text = b""
    for label, value in elements:
        try:
            element = f"{label}: {value.replace(chr(10), chr(10) + '  ')}\n".encode()
        except UnicodeEncodeError as error:
            raise MalformedError(f"bag-info.txt: not Unicode text: {value!r}") from error
        findings = Findings()
        if parse_bag_info(lines([element], "utf-8"), findings) != [(label, value)]:
            raise MalformedError(f"bag-info.txt cannot hold {label!r}: {value!r}")
        text += element
    return text


def plain_value(text: str) -> str:
    """Any text as one that ``bag-info.txt`` can hold on one line.

    White space, line ends and controls become single spaces; what is not Unicode text (bytes
    of a file name that are not UTF-8) is escaped.
    """
    words = text.encode("utf-8", "backslashreplace").decode("utf-8")
    spaced = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(spaced.split())


def parse_fetch(text: Iterable[bytes], findings: Findings) -> Iterator[bytes]:
    """The payload paths that ``fetch.txt`` names, telling what is wrong with its lines."""
    return (path for _, _, path in fetch_items(text, findings))


def fetch_items(
    text: Iterable[bytes], findings: Findings
) -> Iterator[tuple[bytes, int | None, bytes]]:
    """URL, octets (None for ``-``) and payload path of each line of ``fetch.txt``."""
    for number, line in enumerate(text, 1):
        subject, found = f"fetch.txt:{number}", f"Found: {display(line[:500])!r}."
        match = _FETCH.fullmatch(line)
        if match is None or not (_URL.fullmatch(match[1]) and _LENGTH.fullmatch(match[2])):
            findings.add("BAG-FETCH-LINE", subject, found)
            continue
        try:
            path = decode_path(match[3], legacy=findings.legacy)
        except MalformedError:
            findings.add("BAG-PATH-ESCAPE", subject, found)
            path = match[3]
        path = path.removeprefix(b"./") if findings.legacy else path
        if is_safe(path) and path.startswith(PAYLOAD):
            yield match[1], None if match[2] == b"-" else int(match[2]), path
        else:
            findings.add("BAG-FETCH-PATH", subject, found)
