"""The effective policy: the document that is kept, cited by its digest, and obeyed.

It is what ``Policy.from_effective`` reads: integers of seconds and octets, nothing inherited,
and nothing that this community does not use.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preservation.policy.language import COMMUNITY, TIER
from preservation.policy.said import Said

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


def effective(said: Said, tiers: Mapping[str, Said]) -> dict[str, Any]:
    """Make the effective document of settled values.

    Args:
        said: see :func:`settle`.
        tiers: of ``tiers.yaml``, all of them.
    """
    document: dict[str, Any] = said.plain(COMMUNITY.top)
    del document["version"]
    promised = sorted(rule["tier"] for rule in document["replicas"])
    return {
        "schema": SCHEMA,
        **document,
        "tiers": {name: tiers[name].plain(TIER) for name in promised},
    }
