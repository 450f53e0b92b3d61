"""What a change of policy changes, and whether it takes something from what was promised.

The table of the language says for each field which change weakens the promise
(``Field.weaker``); this module only applies it. The rule, in words:

- a promise about *replicas* weakens when a tier is taken from the list, when a replica may take
  longer to be there, or when the guaranteed minimum falls;
- a promise about *evidence* weakens when checks may be older or of a lower level, or when a
  digest algorithm is no longer computed;
- a promise about *people* weakens when repairs that needed an approval no longer do, when
  somebody is no longer told, or later, and when a report is no longer written;
- a promise about *time* weakens when a version may be disposed of sooner, when fewer people have
  to approve it, or anybody may, and when it is looked at more rarely; one to *depositors* when an
  embargo ends sooner, access becomes open, or deposits leave the inbox, or do so sooner;
- declared *sites* weaken when the promised tiers stand at fewer of them than before, and a *tier*
  when what protects its replicas from removal does.

What is asked of depositors (limits, formats, inboxes), when work is done (schedules, budgets)
and how things are called are not promises about what is kept: they change, they never weaken.
A first policy weakens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from preservation.model.canonical import digest_of
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.policy.check import Checked
from preservation.policy.effective import completed
from preservation.policy.kinds import Choice, Kind, Listing, Record, Table, Text, Weaker
from preservation.policy.language import COMMUNITY, TIER
from preservation.policy.said import join

_GROUPS = Table(Text("", ""), Listing(Text("", ""), ""), "")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs.

    Attributes:
        path: in the language of the files; replicas by tier: ``replicas.vault.within``.
        old, new: as the effective documents have them; None where there is nothing.
        before, after: the same for people: ``90d``; empty where there is nothing.
        weakening: it takes something from what was promised.
    """

    path: str
    old: Any
    new: Any
    before: str
    after: str
    weakening: bool

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {"path": self.path, "old": self.old, "new": self.new, "weakening": self.weakening}


def compare(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[Change]:
    """What differs between two effective documents, in the order of the language. What was kept
    before a field was there says its default.

    Args:
        old: None where nothing was in force yet.
        new: what is proposed.
    """
    old, new = None if old is None else completed(old), completed(new)
    changes = list(_compare(COMMUNITY.top, Weaker.NEVER, old, new, ""))
    groups = (None if old is None else _groups(old), _groups(new))
    changes += _compare(_GROUPS, Weaker.NEVER, *groups, "intake.formats.groups")
    tiers = Table(Text("", ""), TIER, "")
    before = None if old is None else old["tiers"]
    fewer = old is not None and len(_sites(new)) < len(_sites(old))
    for change in _compare(tiers, Weaker.NEVER, before, new["tiers"], "tiers"):
        changes.append(replace(change, weakening=True) if _moved(change, fewer) else change)
    return changes


def edited(in_force: Mapping[str, Digest], checked: Checked) -> list[str]:
    """Communities whose files say something else than what is in force: changed, new, wrong,
    or gone. What is edited and not applied is not obeyed.
    """
    proposed = {one: digest_of(document) for one, document in checked.effective.items()}
    known = sorted({*in_force, *checked.communities})
    return [one for one in known if one not in proposed or in_force.get(one) != proposed[one]]


def _groups(document: Mapping[str, Any]) -> Any:
    """What the groups of formats mean that the policy names: a newer release may mean more."""
    return document["intake"]["formats"].get("groups", {})


def _moved(change: Change, fewer: bool) -> bool:
    return fewer and change.path.endswith(".site")


def _sites(document: Mapping[str, Any]) -> set[str]:
    return {tier["site"] for tier in document["tiers"].values()}


def _compare(kind: Kind, weaker: Weaker, old: Any, new: Any, path: str) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(kind, Record):
        for one in kind.fields:
            inner = (_at(old, one.key), _at(new, one.key))
            yield from _compare(one.kind, one.weaker, *inner, join(path, one.name))
    elif isinstance(kind, Table):
        yield from _compare_named(kind.item, weaker, old or {}, new or {}, path)
    elif isinstance(kind, Listing) and kind.named_by:
        before, after = _by_name(kind, old), _by_name(kind, new)
        yield from _compare_named(kind.item, weaker, before, after, path)
        if before.keys() == after.keys() and list(before) != list(after):
            order = (list(before), list(after))
            yield Change(path, *order, ", ".join(before), ", ".join(after), weakening=False)
    else:
        weakening = old is not None and _weakens(kind, weaker, old, new)
        yield Change(path, old, new, _spell(kind, old), _spell(kind, new), weakening)


def _compare_named(
    kind: Kind, weaker: Weaker, old: Mapping[str, Any], new: Mapping[str, Any], path: str
) -> Iterator[Change]:
    for name in {**old, **new}:
        here = join(path, name)
        if name in old and name in new:
            yield from _compare(kind, weaker, old[name], new[name], here)
        else:
            gone = name not in new
            told = (_whole(kind, old.get(name)), _whole(kind, new.get(name)))
            weakening = gone and weaker is Weaker.REMOVED
            yield Change(here, old.get(name), new.get(name), *told, weakening)


def _at(document: Any, name: str) -> Any:
    return None if document is None else document.get(name)


def _by_name(kind: Listing, rules: Any) -> dict[str, Any]:
    return {rule[kind.named_by]: rule for rule in rules or ()}


def _weakens(kind: Kind, weaker: Weaker, old: Any, new: Any) -> bool:
    match weaker:
        case Weaker.LESS:
            return bool(new < old)
        case Weaker.MORE:
            return bool(new > old)
        case Weaker.SOONER:  # 0 is no end at all
            return bool(new and (not old or new < old))
        case Weaker.RARER:  # 0 is never
            return bool(old and (not new or new > old))
        case Weaker.REMOVED:
            return not set(old) <= set(new)
        case Weaker.EMPTIED:
            return bool(old and not new)
        case Weaker.LATER if isinstance(kind, Choice):
            return kind.values.index(new) > kind.values.index(old)
        case _:
            return False


def _whole(kind: Kind, value: Any) -> str:
    """Spell something that appeared or disappeared as a whole."""
    if value is None:
        return ""
    if isinstance(kind, Record):
        named = ((one.name, _whole(one.kind, value.get(one.key))) for one in kind.fields)
        return ", ".join(f"{name}: {told}" for name, told in named if told)
    return _spell(kind, value)


def _spell(kind: Kind, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(kind, Listing):
        return "[" + ", ".join(_spell(kind.item, item) for item in value) + "]"
    return kind.spell(value) if isinstance(kind, Text) else str(value)
