"""Approvals: what a person is asked, and what an answer allows.

An answer binds a named account to the digest of exactly the list that was shown.
"""

from __future__ import annotations

import re
from typing import Any

from preservation.errors import UsageError
from preservation.model.canonical import digest_of
from preservation.model.names import display
from preservation.model.units import counted
from preservation.policy.policy import RepairRule

Json = dict[str, Any]
_SHOWN = 50  # lines of the list; the digest is over all of it
REASON = 200  # characters


def request(found: list[Json], community: str, first: str = "") -> Json:
    """What an approver is asked: the whole list, and the digest that the answer binds.

    Args:
        first: what has to be looked at before, as a list.
    """
    shown = "\n".join(f"- {plain(one['label'])}: {plain(one['message'])}" for one in found[:_SHOWN])
    more = f"\n- … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    digest = list_digest(found)
    look = f"**Look first whether this is real damage:**\n\n{first}\n\n" if first else ""
    return {
        "subject": f"Repair {counted(len(found), 'damaged replica')} of {community}?",
        "body": f"{look}{shown}{more}\n\nEach is replaced by bytes that were just read and found "
        "intact; the damaged ones stay in quarantine.\n\n"
        f"You approve exactly this list: `{digest}`",
        "digest": digest,
    }


def list_digest(found: list[Json]) -> str:
    """What an approval binds: which findings, about which replicas, under which policy."""
    bound = ("finding", "code", "aip", "version", "tier", "policy")
    return str(digest_of([{name: one[name] for name in bound} for one in found]))


def granted(
    rule: RepairRule, found: list[Json], answer: Json | None, asked: str | None
) -> list[Json]:
    """The list with who allows its repair, why, and for which list: the evidence that the
    repair's event keeps. Empty where the policy wants no approval.

    ``rule`` is that of the plan's policy, not of the one that the DAG was built from. A task
    that somebody marked a success has no answer to show.

    Raises:
        UsageError: ``REP-NOT-APPROVED``: nobody entitled approved exactly this list.
    """
    if rule.automatic:
        return [{**one, "approved_by": ""} for one in found]
    name = ((answer or {}).get("responded_by_user") or {}).get("id", "")
    chosen = (answer or {}).get("chosen_options")
    if chosen != ["Approve"] or name not in rule.approvers or asked != list_digest(found):
        raise UsageError(
            f"the repair of {len(found)} replicas was not approved",
            hint=f"start a new run; {' or '.join(rule.approvers)} answers its question",
            code="REP-NOT-APPROVED",
        )
    reason = display(str(((answer or {}).get("params_input") or {}).get("reason", "")).encode())
    said = f"{name}: {reason[:REASON]}" if reason else name
    return [{**one, "approved_by": f"{said} [list {asked}]"} for one in found]


def plain(text: str) -> str:
    """Text for a Markdown list: a name from a deposit must not become a link or a heading."""
    return re.sub(r"([\\`*_\[\]<>#|!~])", r"\\\1", display(text.encode()))
