"""The text of a policy file, read into nodes that remember where they stand.

YAML as far as policies need it: mappings, lists and scalars. The parser's events are read one
by one and no object is ever constructed, so nothing in a file can run, explode or nest without
end: anchors, aliases, tags, tabs, several documents, files over ``MOST_OCTETS`` and nesting
beyond ``MOST_DEPTH`` are problems. A byte order mark and Windows line ends are accepted.

Source: YAML 1.1 as PyYAML reads it (plain scalars resolve by its own table).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import yaml
from yaml.resolver import Resolver

from preservation.model.deferred import dataclass
from preservation.policy.problem import Place, Problems, quoted

MOST_OCTETS = 1024**2
MOST_DEPTH = 20
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, and what YAML takes it for: ``str int float bool null timestamp …``."""

    text: str
    tag: str
    at: Place


@dataclass(frozen=True, slots=True)
class Listed:
    """A list."""

    items: tuple[Node, ...]
    at: Place


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping; of a name that stands twice, the first counts (and a problem is told)."""

    entries: tuple[tuple[Scalar, Node], ...]
    at: Place


Node = Scalar | Listed | Mapped


class _RefusedError(Exception):
    """Reading ends here; the problem was told."""


def read(file: str, content: str | bytes, problems: Problems) -> Node | None:
    """Read one file.

    Args:
        file: its name, for problems.
        content: its bytes, or its text where a caller has decoded it.
        problems: hears what is wrong.

    Returns:
        The top node; None where the text cannot be read as one document.
    """
    text = _text(file, content, problems)
    if text is None:
        return None
    _refuse_tabs(file, text, problems)
    try:
        return _document(file, text, problems)
    except _RefusedError:
        return None
    except yaml.reader.ReaderError as error:
        _tell_character(file, text, error.character, problems)
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)
        found = getattr(error, "problem", None) or str(error).splitlines()[0]
        # A tab that was told already is what the parser stumbles over.
        if not (problems.kept and "cannot start any token" in found):
            # Whoever writes a schedule without quotes begins what YAML takes for an alias.
            alias = "alias" in str(getattr(error, "context", ""))
            hint = 'put a schedule into quotes: "*/15 * * * *"' if alias else ""
            problems.add(at, "", f"no YAML: {found}", "YAML", code="POL-SYNTAX", hint=hint)
        return None


def _tell_character(file: str, text: str, found: str | int, problems: Problems) -> None:
    """A character that no YAML may have; libyaml gives its number, PyYAML itself."""
    character = found if isinstance(found, str) else chr(found)
    before = text.partition(character)[0]
    at = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
    told = f"the character U+{ord(character):04X}"
    problems.add(at, "", told, "text without control characters", code="POL-SYNTAX")


def _text(file: str, content: str | bytes, problems: Problems) -> str | None:
    try:
        octets = content if isinstance(content, bytes) else content.encode("utf-8")
        text = octets.decode("utf-8")
    except UnicodeError as error:
        before = content[: getattr(error, "start", 0)]
        newline = b"\n" if isinstance(before, bytes) else "\n"
        line = before.count(newline) + 1  # type: ignore[arg-type]
        problems.add(
            Place(file, line, 1),
            "",
            "bytes that are not UTF-8",
            "UTF-8 text",
            code="POL-SYNTAX",
            hint="save the file as UTF-8",
        )
        return None
    if len(octets) > MOST_OCTETS:
        problems.add(
            Place(file),
            "",
            f"{len(octets)} bytes",
            f"at most {MOST_OCTETS} bytes",
            code="POL-SYNTAX",
        )
        return None
    return text.removeprefix("\ufeff")


def _refuse_tabs(file: str, text: str, problems: Problems) -> None:
    if "\t" not in text:
        return
    for number, line in enumerate(text.split("\n"), 1):
        column = line.find("\t") + 1
        if column:
            at = Place(file, number, column)
            problems.add(at, "", "a tab", "spaces", code="POL-SYNTAX", hint="use spaces")


def _document(file: str, text: str, problems: Problems) -> Node:
    builder = _Builder(file, problems)
    for event in yaml.parse(text, Loader=_LOADER):
        builder.hear(event)
    return builder.finished()


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end was not read yet; a mapping's names and values alternate."""

    listing: bool
    at: Place
    nodes: list[Node]


class _Builder:
    """Makes nodes of the parser's events, without recursion."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.top: Node | None = None
        self._open: list[_Open] = []

    def finished(self) -> Node:
        """The document's top node; an empty file has none."""
        if self.top is None:
            self.refuse(Place(self.file), "an empty file", "a mapping of fields")
        return self.top

    def refuse(self, at: Place, found: str, allowed: str, hint: str = "") -> NoReturn:
        """Tell a problem after which nothing more can be read."""
        self.problems.add(at, "", found, allowed, code="POL-SYNTAX", hint=hint)
        raise _RefusedError

    def hear(self, event: Any) -> None:
        """Take the parser's next event."""
        mark = event.start_mark
        at = Place(self.file, mark.line + 1, mark.column + 1)
        self._refuse_exotic(event, at)
        if isinstance(event, yaml.ScalarEvent):
            self._add(Scalar(event.value, _tag(event), at))
        elif isinstance(event, _OPENING):
            if len(self._open) >= MOST_DEPTH:
                self.refuse(at, "deeper nesting", f"at most {MOST_DEPTH} levels")
            self._open.append(_Open(isinstance(event, yaml.SequenceStartEvent), at, []))
        elif isinstance(event, _CLOSING):
            self._close(self._open.pop())

    def _refuse_exotic(self, event: Any, at: Place) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.refuse(at, f"an alias, *{event.anchor}", "the value itself", "write it out again")
        if getattr(event, "anchor", None):
            self.refuse(at, f"an anchor, &{event.anchor}", "the value itself", "remove the anchor")
        if getattr(event, "tag", None):
            self.refuse(at, f"a tag, {quoted(event.tag)}", "plain values", "remove the tag")
        if isinstance(event, yaml.DocumentStartEvent) and self.top is not None:
            self.refuse(at, "a second document", "one document in a file", "remove the ---")

    def _close(self, finished: _Open) -> None:
        if finished.listing:
            self._add(Listed(tuple(finished.nodes), finished.at))
            return
        pairs = zip(finished.nodes[::2], finished.nodes[1::2], strict=True)
        self._add(Mapped(tuple(self._unique(pairs)), finished.at))

    def _unique(self, pairs: Iterator[tuple[Node, Node]]) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        for key, value in pairs:
            if not isinstance(key, Scalar):
                self.refuse(key.at, "a list or mapping as a name", "a text as a name")
            elif key.text in seen:
                found = f"{quoted(key.text)} a second time"
                allowed = f"each name once (the first is on line {seen[key.text]})"
                self.problems.add(key.at, "", found, allowed, code="POL-DUPLICATE")
            else:
                seen[key.text] = key.at.line
                yield key, value

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].nodes.append(node)
        else:
            self.top = node


def _tag(event: yaml.ScalarEvent) -> str:
    """What YAML takes a scalar for; what is in quotes is a text."""
    if not event.implicit[0]:
        return "str"
    table = Resolver.yaml_implicit_resolvers
    for tag, pattern in table.get(event.value[:1], []) + table.get(None, []):
        if pattern.match(event.value):
            return str(tag).removeprefix(_TAG)
    return "str"
