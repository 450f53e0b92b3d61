"""Whether a file has the form that the language gives it: names, kinds and single values.

What is checked here an ordinary validator can check too, with the JSON Schema that
``preservation.policy.schema`` makes of the same table (and a test holds the two together);
only ``Text.wrong`` and names that stand twice go beyond it.
"""

from __future__ import annotations

import re

from preservation.policy.kinds import Choice, Integer, Kind, Listing, Record, Table, Text
from preservation.policy.problem import Place, Problems, printable, quoted, stranger
from preservation.policy.said import Said, Wrong, join
from preservation.policy.source import Listed, Mapped, Node, Scalar

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_YES = ("yes", "true", "on")


def check_form(kind: Kind, node: Node, problems: Problems, path: str = "") -> Said:
    """Check a node and everything in it; what is wrong becomes ``Wrong``."""
    match kind, node:
        case Record(), Mapped():
            return _record(kind, node, problems, path)
        case Table(), Mapped():
            return _table(kind, node, problems, path)
        case Listing(), Listed():
            return _listing(kind, node, problems, path)
        case ((Text() | Integer() | Choice()), Scalar()):
            return _scalar(kind, node, problems, path)
    hint = (
        "write a value, or remove the line"
        if isinstance(node, Scalar) and node.tag == "null"
        else ""
    )
    problems.add(node.at, path, describe(node), kind.words, code="POL-KIND", hint=hint)
    return Said(Wrong, node.at)


def describe(node: Node) -> str:
    """Name what was found, for a problem."""
    match node:
        case Mapped():
            return "a mapping"
        case Listed():
            return "a list"
        case Scalar(tag="null"):
            return "nothing"
        case Scalar(tag="str"):
            return quoted(node.text)
        case Scalar():
            words = {"int": "the number", "float": "the number", "bool": "the truth value"}
            return f"{words.get(node.tag, f'the {node.tag}')} {quoted(node.text)}"


def _record(kind: Record, node: Mapped, problems: Problems, path: str) -> Said:
    inner: dict[str, Said] = {}
    names = [one.name for one in kind.fields]
    for key, value in node.entries:
        one = kind.named(key.text)
        if one is None:
            problems.add(
                key.at,
                join(path, printable(key.text))[:200],
                f"the field {quoted(key.text)}",
                ", ".join(names),
                code="POL-UNKNOWN",
                hint=problems.nearest(key.text, names),
            )
        else:
            inner[one.name] = check_form(one.kind, value, problems, join(path, one.name))
    _tell_missing(kind, inner, node, problems, path)
    if kind.one_of and len(node.entries) != 1:
        found = " and ".join(inner) if len(inner) > 1 else f"{len(node.entries)} fields"
        problems.add(node.at, path, found, f"exactly one of {kind.words}", code="POL-KIND")
        return Said(Wrong, node.at)
    return Said(inner, node.at)


def _tell_missing(
    kind: Record, inner: dict[str, Said], node: Mapped, problems: Problems, path: str
) -> None:
    """Tell the fields that have to be said here; not those of which a typo was told."""
    unknown = {key.text for key, _ in node.entries} - inner.keys()
    for one in kind.fields:
        if one.here and one.name not in inner:
            inner[one.name] = Said(Wrong, node.at)
            if not any(problems.nearest(word, [one.name]) for word in unknown):
                hint = f"write {one.example}"
                problems.add(
                    node.at,
                    join(path, one.name),
                    "nothing",
                    one.kind.words,
                    code="POL-MISSING",
                    hint=hint,
                )


def _table(kind: Table, node: Mapped, problems: Problems, path: str) -> Said:
    inner: dict[str, Said] = {}
    for key, value in node.entries:
        if kind.key.matches(key.text):
            inner[key.text] = check_form(kind.item, value, problems, join(path, key.text))
        else:
            found, hint = f"the name {quoted(key.text)}", stranger(key.text)
            problems.add(key.at, path, found, kind.key.words, code="POL-VALUE", hint=hint)
    if not node.entries:
        problems.add(node.at, path, "an empty mapping", kind.words, code="POL-VALUE")
        return Said(Wrong, node.at)
    if kind.must_have and kind.must_have not in inner:
        problems.add(
            node.at,
            join(path, kind.must_have),
            "nothing",
            f"{kind.must_have} is always among them",
            code="POL-MISSING",
        )
        inner[kind.must_have] = Said(Wrong, node.at)
    return Said(inner, node.at)


def _listing(kind: Listing, node: Listed, problems: Problems, path: str) -> Said:
    if not kind.least <= len(node.items) <= kind.most:
        problems.add(
            node.at,
            path,
            f"{len(node.items)} entries",
            f"{kind.words}, {kind.least} to {kind.most} entries",
            code="POL-VALUE",
        )
        return Said(Wrong, node.at)
    items = [
        check_form(kind.item, item, problems, f"{path}[{number}]")
        for number, item in enumerate(node.items)
    ]
    if not isinstance(kind.item, Record):
        _entries(kind, items, node.at, problems, path)
    return Said(items, node.at)


def _entries(kind: Listing, items: list[Said], at: Place, problems: Problems, path: str) -> None:
    """What holds for the entries of a list together: each once, and the one that must be there."""
    seen: set[str] = set()
    for item in items:
        if item.value is not Wrong and item.text in seen:
            found = f"{quoted(item.text)} a second time"
            problems.add(item.at, path, found, "each entry once", code="POL-DUPLICATE")
        seen.add(item.text)
    if kind.must_have and kind.must_have not in seen:
        problems.add(
            at, path, "a list without it", f"{kind.must_have} among them", code="POL-VALUE"
        )


def _scalar(kind: Text | Integer | Choice, node: Scalar, problems: Problems, path: str) -> Said:
    if isinstance(kind, Integer):
        return _integer(kind, node, problems, path)
    if isinstance(kind, Choice) and node.tag == "bool":
        word = kind.truths.get(node.text.lower() in _YES)
        if word:
            return Said(word, node.at, word)
    hint = ""
    if node.tag == "null":
        hint = "write a value, or remove the line"
    elif node.tag != "str":
        hint = f'put it into quotes: "{node.text}"' if _allowed(kind, node.text) else ""
    elif _allowed(kind, node.text):
        return _text(kind, node, problems, path)
    elif isinstance(kind, Choice):
        hint = problems.nearest(node.text, kind.values)
    elif kind.matches(_NOT_ASCII.sub("a", node.text[:200])):
        hint = stranger(node.text)
    code = "POL-VALUE" if node.tag == "str" else "POL-KIND"
    problems.add(node.at, path, describe(node), kind.words, code=code, hint=hint)
    return Said(Wrong, node.at)


def _allowed(kind: Text | Choice, text: str) -> bool:
    return text in kind.values if isinstance(kind, Choice) else kind.matches(text)


def _text(kind: Text | Choice, node: Scalar, problems: Problems, path: str) -> Said:
    if isinstance(kind, Choice):
        return Said(node.text, node.at, node.text)
    reason = kind.wrong(node.text)
    if reason:
        problems.add(node.at, path, quoted(node.text), kind.words, code="POL-BEYOND", hint=reason)
        return Said(Wrong, node.at)
    return Said(kind.value(node.text), node.at, node.text)


def _integer(kind: Integer, node: Scalar, problems: Problems, path: str) -> Said:
    if node.tag == "int" and _WHOLE.fullmatch(node.text):
        number = int(node.text)
        if kind.least <= number <= kind.most:
            return Said(number, node.at, node.text)
    hint = "without quotes" if node.tag == "str" and _WHOLE.fullmatch(node.text) else ""
    code = "POL-VALUE" if node.tag == "int" else "POL-KIND"
    problems.add(node.at, path, describe(node), kind.words, code=code, hint=hint)
    return Said(Wrong, node.at)
