"""JSON Schema of the policy files, made of the language's table.

Editors use it while an administrator writes (the first line of each shipped file names it).
It accepts exactly the files whose form our checker accepts; what the checker knows beyond the
form (schedules that never come, time zones, names that stand twice, everything that two fields
or two files say together) no schema can say.

Source: JSON Schema draft 2020-12.
"""

from __future__ import annotations

from typing import Any

from preservation.policy.kinds import (
    Choice,
    Field,
    Integer,
    Kind,
    Language,
    Listing,
    Record,
    Table,
    Text,
)
from preservation.policy.language import COMMUNITY

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema(language: Language = COMMUNITY) -> dict[str, Any]:
    """The schema of one kind of file: ``COMMUNITY``, ``BASELINE`` or ``TIERS``."""
    return {
        "$schema": DRAFT,
        "title": f"Samarkand: {language.file}",
        "description": language.title,
        **_of(language.top),
    }


def _of(kind: Kind) -> dict[str, Any]:
    match kind:
        case Text():
            return {"type": "string", "pattern": f"^(?:{kind.pattern})$"}
        case Integer():
            return {"type": "integer", "minimum": kind.least, "maximum": kind.most}
        case Choice():
            return {"enum": [*kind.values, *kind.truths]}
        case Listing():
            return _listing(kind)
        case Table():
            return _table(kind)
        case Record():
            return _record(kind)


def _listing(kind: Listing) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "type": "array",
        "items": _of(kind.item),
        "minItems": kind.least,
        "maxItems": kind.most,
    }
    if not isinstance(kind.item, Record):
        rules["uniqueItems"] = True
    if kind.must_have:
        rules["contains"] = {"const": kind.must_have}
    return rules


def _table(kind: Table) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "type": "object",
        "propertyNames": {"pattern": f"^(?:{kind.key.pattern})$"},
        "additionalProperties": _of(kind.item),
        "minProperties": 1,
    }
    if kind.must_have:
        rules["required"] = [kind.must_have]
    return rules


def _record(kind: Record) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _described(one, kind.one_of) for one in kind.fields},
        "additionalProperties": False,
    }
    required = [one.name for one in kind.fields if one.here]
    if required:
        rules["required"] = required
    if kind.one_of:
        rules |= {"minProperties": 1, "maxProperties": 1}
    return rules


def _described(one: Field, one_of: bool) -> dict[str, Any]:
    rules = {"description": one.meaning, **_of(one.kind)}
    if one.default is not None and not one_of:
        rules["default"] = one.default
    return rules
