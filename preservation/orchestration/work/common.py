"""What all kinds of work share: the policy of a plan, shards as JSON, words for the log."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from preservation.model.digest import Digest
from preservation.model.finding import Finding
from preservation.model.shard import Shard

if TYPE_CHECKING:
    from preservation.app.parts import Parts
    from preservation.policy.policy import Policy

Json = dict[str, Any]
_log = logging.getLogger(__name__)


def policy_of(parts: Parts, ref: str) -> Policy:
    """The policy that a plan was made under: it governs the whole run, whatever is applied
    meanwhile.
    """
    return parts.store.policy(Digest.parse_tagged(ref))


def of_tier(planned: list[Json], tier: str) -> list[Json]:
    """Those of a plan that are about one tier."""
    return [one for one in planned if one["tier"] == tier]


def shard_json(shard: Shard) -> Json:
    """A shard, and what an archivist reads on its task: ``vault · 12 AIPs``."""
    return shard.to_json() | {"label": shard.label}


def tally(results: Json | Iterable[Json], field: str) -> Json:
    """How many results say which word, for the log and the XCom.

    Of a mapped group with one instance Airflow gives the one result, not a list of it.
    """
    rows = [results] if isinstance(results, dict) else results
    counts = dict(Counter(row[field] for row in rows))
    _log.info("%s", ", ".join(f"{count} {word}" for word, count in counts.items()) or "none")
    return counts


def tell(finding: Finding) -> None:
    """Write a finding into the task's log."""
    _log.warning("%s %s: %s. %s", finding.code, finding.subject, finding.message, finding.hint)
