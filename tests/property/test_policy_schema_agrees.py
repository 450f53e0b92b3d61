"""An ordinary JSON Schema validator and our checker say the same about the form of a file."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from preservation.policy.form import check_form
from preservation.policy.kinds import Kind, Language, Listing, Record, Table
from preservation.policy.language import BASELINE, COMMUNITY, TIERS
from preservation.policy.problem import Problems
from preservation.policy.schema import schema
from preservation.policy.source import read

POLICIES = Path(__file__).resolve().parents[2] / "policies"
FILES = {"silk-road": COMMUNITY, "field-notes": COMMUNITY, "baseline": BASELINE, "tiers": TIERS}
EVERY = {f"every field of {one.file}": one for one in (COMMUNITY, BASELINE, TIERS)}
# What no schema can say: names that stand twice never reach one, and these are not about form.
BEYOND = {"POL-BEYOND"}
STRANGE: list[Any] = [
    None, True, 0, 1, 2, 10**9, -1, 1.5, "", " ", "x", "90d", "0s", "100y", "12 h", "2 TiB", "0 B",
    "5", "1.5 MB", "1.5 B", "folder", "Tar", "tar", "E2", "E4", "sha256", ["sha256"], ["md5"],
    [], {}, [[]], {"en": "x"}, {"a": 1}, "text/csv", "fmt/18", "fmt/", ["fmt/1", "fmt/1"],
    "../x", "/x", "a/./b", "* * * * *", "60 * * * *", "UTC", "bad zone", "vault", "Va", "a--b",
    "x" * 201, "two\nlines", "approved", ["ann"], {"quiet": "1m"}, {"quiet": "1m", "marker": "x"},
    {"marker": "a/b"}, [{"tier": "vault"}], [{"tier": "vault", "packaging": "tar"}],
    "forever", "never", "none", "2030-01-01", date(2030, 1, 1), "2030-1-1", "unlimited", "5 EUR",
    "5 eur", "50 MiB/s", "50 MiB", "mailto:a@example.org", "mailto:a%b@example.org", "hook:x",
    [{"to": "hook:chat"}], [{"to": "chat"}], "on", "off", False, "https://a.org", "compliance",
]  # fmt: skip


def _every(kind: Kind, name: str, example: str) -> Any:
    """A value that says every field there is, by the examples of the language."""
    match kind:
        case Record():
            fields = kind.fields[:1] if kind.one_of else kind.fields
            return {one.name: _every(one.kind, one.name, one.example) for one in fields}
        case Listing(item=Record() as item):
            return [_every(item, "", "")]
        case Table(item=Record() as item):
            return {"vault": _every(item, "", "")}
        case _:
            return yaml.safe_load(example)[name]


def _right(name: str) -> Any:
    if name in EVERY:
        return _every(EVERY[name].top, "", "")
    return yaml.safe_load((POLICIES / f"{name}.yaml").read_text(encoding="utf-8"))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(one, (*path, key))


def _mutated(value: Any, chance: random.Random) -> Any:
    """One policy with one to three things changed, taken away or added."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        path = chance.choice(list(_places(value)) or [("version",)])
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        act = chance.choice(["put", "put", "remove", "rename"])
        if act == "put":
            parent[path[-1]] = copy.deepcopy(chance.choice(STRANGE))
        elif act == "remove":
            parent.pop(path[-1], None) if isinstance(parent, dict) else parent.pop(path[-1])
        elif isinstance(parent, dict) and path[-1] in parent:
            names = ["marker", "quiet", "xx", "level", "en", "Vault", "tier", "deep"]
            parent[chance.choice(names)] = parent.pop(path[-1])
    return value


def _accepts(language: Language, text: str) -> bool:
    problems = Problems("a.yaml")
    node = read("a.yaml", text, problems)
    assert node is not None
    check_form(language.top, node, problems)
    return all(problem.code in BEYOND for problem in problems.all())


@pytest.mark.parametrize("name", sorted(FILES | EVERY))
def test_validator_and_checker_agree_on_mutated_policies(name: str) -> None:
    right, language = _right(name), (FILES | EVERY)[name]
    validator = jsonschema.Draft202012Validator(schema(language))
    validator.validate(right)
    chance = random.Random(name)
    verdicts = set()

    for _ in range(150):
        text = yaml.safe_dump(_mutated(right, chance), allow_unicode=True)
        ours, theirs = _accepts(language, text), validator.is_valid(yaml.safe_load(text))
        assert ours is theirs, text
        verdicts.add(ours)

    assert verdicts == {True, False}
