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
        **{name: value for name, value in document.items() if name != "contact"},
        "tiers": {
            tier: {name: value for name, value in spec.items() if name not in _PRIVATE}
            for tier, spec in document["tiers"].items()
        },
        "intake": {name: value for name, value in document["intake"].items() if name != "inbox"},
        "repair": {"mode": document["repair"]["mode"]},
    }
