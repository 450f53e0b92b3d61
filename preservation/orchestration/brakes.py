"""The brake on automatic repair, as a question: what a person is asked, and what an answer does."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from preservation.catalogue.brake import brakes
from preservation.errors import UsageError
from preservation.model.names import display
from preservation.orchestration.approval import REASON, plain
from preservation.repair.accepting import accept

if TYPE_CHECKING:
    from preservation.app.parts import Parts
    from preservation.catalogue.protocol import FindingRow

Json = dict[str, Any]
_log = logging.getLogger(__name__)


def question(parts: Parts, community: str, title: str) -> Json | None:
    """What is asked while automatic repair waits; None where it does not."""
    found = brakes(parts.catalogue, community)
    if not found:
        return None
    tiers = ", ".join(sorted(row.tier for row in found))
    return {
        "subject": f"Automatic repair of {title} waits on {tiers}: may it go on?",
        "body": f"{told(found)}\n\n*Approve* only if the damage is real: it accepts what is above "
        "under your account, and repair then goes on by itself. *Reject* leaves it waiting.",
        "findings": [row.id for row in found],
    }


def told(found: Sequence[FindingRow]) -> str:
    """Why repair waits, as a list."""
    return "\n".join(
        f"- {plain(row.subject)}: {plain(row.message)}. Next: {row.hint}" for row in found
    )


def release(parts: Parts, community: str, answer: Json | None, asked: list[str] | None) -> str:
    """Accept, in the name of who answered, the findings that the question was about.

    Raises:
        UsageError: nobody said so (``REP-NOT-APPROVED``); a task that somebody marked a success
            has no answer to show.
    """
    name = str(((answer or {}).get("responded_by_user") or {}).get("id", ""))
    if (answer or {}).get("chosen_options") != ["Approve"] or not asked or not name:
        raise UsageError(
            "nobody allowed automatic repair to go on",
            hint="nothing was changed; the next run asks again",
            code="REP-NOT-APPROVED",
        )
    said = str(((answer or {}).get("params_input") or {}).get("reason", ""))
    reason = display(said.encode())[:REASON] or "answered in Airflow, without a reason"
    for row in brakes(parts.catalogue, community):
        if row.id in asked:  # another one, opened since, is another question
            accept(parts.catalogue, parts.events, row, name, reason)
            _log.info("%s accepted %s: %s", name, row.subject, reason)
    parts.drain()
    return name
