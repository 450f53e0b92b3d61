"""The copy of an effective policy that leaves the archive: it goes into every AIP version.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The operator's own affair: where exactly, under which keys, for how much.
_PRIVATE = ("path", "endpoint", "region", "bucket", "prefix", "credential", "cost")


def public(document: Mapping[str, Any]) -> dict[str, Any]:
    """The copy that goes into packages and is handed out with them: without contact and
    approvers (people), without paths and costs (the operator's own affair).
    """
    return {
        **{name: value for name, value in document.items() if name not in ("contact", "notify")},
        "tiers": {
            tier: {name: value for name, value in spec.items() if name not in _PRIVATE}
            for tier, spec in document["tiers"].items()
        },
        "intake": _public_intake(document["intake"]),
        "repair": {"mode": document["repair"]["mode"]},
        **_public_retention(document),
    }


def _public_retention(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without the names of people; nothing, of a policy from before there was such a rule."""
    if "retention" not in document:
        return {}
    rule = document["retention"].items()
    return {"retention": {name: value for name, value in rule if name != "approvers"}}


def _public_intake(intake: Mapping[str, Any]) -> dict[str, Any]:
    """Without folders, and without the names of hosts in the institution's own network."""
    kept = {name: value for name, value in intake.items() if name != "inbox"}
    if "fetch" in kept:
        fetch = kept["fetch"].items()
        kept["fetch"] = {name: value for name, value in fetch if name != "internal"}
    if "release" in kept:
        release = kept["release"].items()
        kept["release"] = {name: value for name, value in release if name != "to"}
    return kept
