"""Write docs/reference/policy.md and the three JSON Schemas from the policy language.

python docs/generate/policy.py           write them
python docs/generate/policy.py --check   exit 1 if one of them is not up to date
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _pages import settle

from preservation.policy.intake import COMPLETE
from preservation.policy.kinds import Field, Kind, Language, Listing, Record, Table, Weaker
from preservation.policy.language import BASELINE, COMMUNITY, FLOOR, LANGUAGES, TIERS
from preservation.policy.problem import CODES
from preservation.policy.said import join
from preservation.policy.schema import schema

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
SCHEMAS = {
    "policy.schema.json": COMMUNITY,
    "baseline.schema.json": BASELINE,
    "tiers.schema.json": TIERS,
}

OPENING = """\
# Policy files

*Made from the language by `docs/generate/policy.py`; do not edit.*

A policy says what a community was promised. It is written in three kinds of YAML files in one
folder, and obeyed only after `preserve policy apply` has put it in force.

| File | Says |
|---|---|
| `tiers.yaml` | what storage exists |
| `baseline.yaml` | what every community inherits, and the floor that none goes under |
| `<community>.yaml` | one community; the file's name is its id |

**Inheritance.** A community's file is laid over the baseline, and the baseline over the
defaults below. Mappings merge, field by field. Lists replace. `intake.complete` is one choice
and is replaced as a whole. `preserve policy explain COMMUNITY` prints every value with the line
that said it.

**Units.** Durations: `s m h d w y` (a year is 365.25 days), whole numbers. Sizes: `B kB MB GB TB
PB` count in thousands, `KiB MiB GiB TiB PiB` in 1024s. A number without its unit is refused.

**YAML.** Mappings, lists and scalars. Anchors, aliases, tags, tabs, a name twice in one mapping,
several documents, more than 1 MiB and more than 20 levels are refused. What YAML would take for
a number, a date or a truth value is put into quotes where a text is wanted. A byte order mark
and Windows line ends are accepted.

**Editors** that know the YAML language server complete and check while you write: the first line
of each shipped file names its schema, `policy.schema.json`, `baseline.schema.json` or
`tiers.schema.json` in this folder.

**Weakening.** The column *weakened by* says which change of a field takes something from what
was promised. Fields without an entry change, but never weaken. Fewer sites among the promised
tiers weaken too.
"""

CROSS = """\
## What fields say together

Refused, with both places or both values:

- a tier that `tiers.yaml` does not declare, or the same tier twice;
- a first replica that is not a `folder`;
- `minimum.replicas` or `minimum.failure_domains` above the number of replicas;
- `minimum.sites` above the number of sites that the promised tiers declare;
- a maximum age shorter than the longest time between two audits;
- a promised tier without an audit rule; in a community's own file, a rule for another tier;
- a format that is both refused and preferred;
- `mode: approved` without approvers; in one file, approvers with `mode: automatic`;
- a schedule that never comes, a range that runs backwards, a time zone that does not exist;
- an inbox or a tier that lies in another one, or in a place of the home's own;
- a community below the floor;
- a file whose name is not the community that it says.

One wrong community does not stop the others. What is wrong in `baseline.yaml` concerns all of
them, what is wrong with a tier concerns those that keep replicas there.

## Problems

Each is one line: `file:line:column: field: found …; allowed: … (hint) [code]`.

| Code | Means |
|---|---|
"""


def reference() -> str:
    """The whole page."""
    parts = [OPENING]
    for language in LANGUAGES:
        parts.append(f"\n## `{language.file}`\n\n{language.title}.\n\n")
        parts.extend(_table(language.top if language is not BASELINE else FLOOR, language))
    parts.append("\n" + CROSS)
    parts.extend(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())
    return "".join(parts)


def _table(top: Record, language: Language) -> Iterator[str]:
    if language is BASELINE:
        yield (
            "All fields of a community's file, but for those marked *own*; every one may be left "
            "out. And the floor:\n\n"
        )
    path = "floor" if language is BASELINE else ""
    yield "| Field | Kind and unit | Default | Meaning | Weakened by | Example |\n"
    yield "|---|---|---|---|---|---|\n"
    for name, one in _rows(top, path):
        cells = (
            f"`{name}`" + (" *own*" if one.own else ""),
            one.kind.words,
            _default(one, language),
            one.meaning,
            "" if one.weaker is Weaker.NEVER else one.weaker.value,
            f"`{one.example}`" if one.example else "",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _rows(kind: Kind, path: str) -> Iterator[tuple[str, Field]]:
    if isinstance(kind, Record):
        for one in kind.fields:
            here = join(path, one.name)
            yield here, one
            yield from _rows(one.kind, here)
    elif isinstance(kind, Table):
        yield from _rows(kind.item, join(path, "<tier>"))
    elif isinstance(kind, Listing):
        yield from _rows(kind.item, f"{path}[]")


def _default(one: Field, language: Language) -> str:
    if one in COMPLETE.fields:
        return ""
    if one.here:
        return "must be said"
    if one.default is None:
        inner = isinstance(one.kind, Record) or language is BASELINE
        return (
            ""
            if inner
            else "must be said, here or in the baseline"
            if not one.own
            else "must be said"
        )
    if one.default == "":
        return ""
    return f"`{_yaml(one.default)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_yaml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(inner) for inner in value) + "]"
    return str(value)


def pages() -> dict[Path, str]:
    """Every generated file and what it has to hold."""
    written = {REFERENCE / "policy.md": reference()}
    for name, language in SCHEMAS.items():
        text = json.dumps(schema(language), indent=2, ensure_ascii=False) + "\n"
        written[REFERENCE / name] = text
    return written


if __name__ == "__main__":
    sys.exit(settle(pages(), __doc__))
