"""The effective policy: the document that is kept, cited by its digest, and obeyed.

It is what ``Policy.from_effective`` reads: integers of seconds and octets, nothing inherited,
and nothing that this community does not use.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preservation.policy.formats import Groups, named_groups
from preservation.policy.kinds import Kind, Listing, Record, Table
from preservation.policy.language import COMMUNITY, TIER
from preservation.policy.said import BUILT_IN, Said, default, fill

SCHEMA = "samarkand.policy/1"


def settle(said: Said) -> Said:
    """Leave out what was inherited and is not used: audit rules for tiers that keep no
    replica here, approvers that nobody asks.
    """
    values = dict(said.value)
    promised = [rule.value["tier"].value for rule in values["replicas"].value]
    rules = values["audit"].value["tiers"]
    used = {tier: rule for tier, rule in rules.value.items() if tier in promised}
    values["audit"] = Said(
        values["audit"].value | {"tiers": Said(used, rules.at)}, values["audit"].at
    )
    repair = values["repair"]
    if repair.value["mode"].value == "automatic":
        nobody = Said([], repair.value["mode"].at)
        values["repair"] = Said(repair.value | {"approvers": nobody}, repair.at)
    return Said(values, said.at)


def effective(said: Said, tiers: Mapping[str, Said], groups: Groups) -> dict[str, Any]:
    """Make the effective document of settled values.

    Args:
        said: see :func:`settle`.
        tiers: of ``tiers.yaml``, all of them.
        groups: of formats, all that are known; those that the policy names are kept in it.
    """
    document: dict[str, Any] = said.plain(COMMUNITY.top)
    del document["version"]
    formats = document["intake"]["formats"]
    listed = [*formats["preferred"], *formats["accepted"], *formats["refused"]]
    formats["groups"] = {name: sorted(groups[name]) for name in sorted(named_groups(listed))}
    return {
        "schema": SCHEMA,
        **document,
        "tiers": {name: tiers[name].plain(TIER) for name in used_tiers(said)},
    }


def used_tiers(said: Said) -> list[str]:
    """The tiers that a community's settled values name, sorted."""
    kept = {rule.value["tier"].value for rule in said.value["replicas"].value}
    return sorted(kept | {one.value for one in said.value["statements"].value})


def completed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the defaults of the fields that were not there yet when it was kept.

    A new field's default means what was done before it was there. So what was applied once can
    be read, and obeyed, by every later version; its digest stays that of its own bytes.
    """
    community = str(document["community"])
    tiers = {name: _completed(TIER, tier, community) for name, tier in document["tiers"].items()}
    return {**_completed(COMMUNITY.top, document, community), "tiers": tiers}


def _completed(kind: Kind, value: Any, community: str) -> Any:
    if isinstance(kind, Record):
        whole = dict(value)
        for one in kind.fields:
            if one.key in whole:
                whole[one.key] = _completed(one.kind, whole[one.key], community)
            elif one.default is not None:
                whole[one.key] = default(one.kind, one.default, community).plain(one.kind)
            elif isinstance(one.kind, Record):
                whole[one.key] = fill(one.kind, Said({}, BUILT_IN), community).plain(one.kind)
        return whole
    if isinstance(kind, Table):
        return {name: _completed(kind.item, inner, community) for name, inner in value.items()}
    if isinstance(kind, Listing) and isinstance(kind.item, Record):
        return [_completed(kind.item, inner, community) for inner in value]
    return value
