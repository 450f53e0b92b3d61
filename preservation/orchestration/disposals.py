"""What the tasks of ``retention__<community>`` do: the service's calls, references in and out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from preservation.errors import BusyError, UsageError
from preservation.model.names import display
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.model.shard import MAX_SHARDS
from preservation.model.units import format_size
from preservation.orchestration.approval import plain
from preservation.policy.accounts import is_shared

if TYPE_CHECKING:
    from preservation.app.parts import Parts
    from preservation.catalogue.custody import ProposalRow
    from preservation.retention.review import Review
    from preservation.retention.service import Disposed

Json = dict[str, Any]
_SHOWN = 50  # lines of the list; the digest is over all of it
_REASON = 200  # characters
_REASON_GIVEN = "approved in Airflow"
_log = logging.getLogger(__name__)


def finish(parts: Parts, community: str, progress: Progress) -> Json:
    """Go on with what was begun: what a killed run left, a lock held, a tier away kept. Holds are
    set where they could not be set before.
    """
    from preservation.app.keeping import holds_of, retention_of

    for told in holds_of(parts).spread_all(community):
        _log.warning("no hold of the storage's own could be set: %s", told)
    return _told(retention_of(parts).finish(progress, community))


def review(parts: Parts, community: str, title: str) -> Json | None:
    """What is due, as a request for approval; None where nothing is."""
    from preservation.app.keeping import retention_of

    found = retention_of(parts).reviewer.review(parts.store.governing(community))
    for row in found.to_review:
        _log.info("to review: %s (%s); `preserve retention keep` answers it", row.title, row.key)
    if found.held:
        _log.info("%s versions were kept long enough and are held", found.held)
    return None if found.proposal is None else _request(found, title)


def _request(found: Review, title: str) -> Json:
    proposal = found.proposal
    if proposal is None:
        raise UsageError("nothing is due")
    lines = "\n".join(
        f"- {item.act}: {plain(item.title)} ({item}, {format_size(item.octets)}, kept since "
        f"{item.ingested_at:%Y-%m-%d})"
        for item in proposal.items[:_SHOWN]
    )
    more = f"\n- … and {len(proposal.items) - _SHOWN} more: `preserve retention show`"
    more = more if len(proposal.items) > _SHOWN else ""
    return {
        "subject": f"Dispose of {len(proposal.items)} items of {title}?",
        "body": f"{lines}{more}\n\n*dispose* removes a version from every tier, for good; *retire* "
        "removes one replica on a tier that is promised no more, after the others were read back."
        f"\n\nYou approve exactly this list: `{proposal.digest}`",
        "digest": proposal.digest,
    }


def record(parts: Parts, answer: Json | None, asked: str | None) -> str:
    """Put one person's answer on record; it counts for this very list, also in a later run.

    Raises:
        UsageError: it is no approval of what was asked (``RET-NOT-APPROVED``), or not by somebody
            whom the policy asks.
    """
    from preservation.app.keeping import retention_of

    name = str(((answer or {}).get("responded_by_user") or {}).get("id", ""))
    if (answer or {}).get("chosen_options") != ["Approve"] or not asked or not name:
        raise UsageError(
            "the disposal was not approved",
            hint="nothing was changed; the next run asks again",
            code="RET-NOT-APPROVED",
        )
    said = str(((answer or {}).get("params_input") or {}).get("reason", ""))
    retention_of(parts).approve(asked, name, display(said.encode())[:_REASON])
    parts.drain()
    _log.info("%s approved %s", name, asked)
    return name


def begin(parts: Parts, digest: str) -> list[Json]:
    """Begin an approved list, as the act of one of those who approved it; its pieces.

    Raises:
        UsageError: not approved by enough people, held, or stale.
    """
    from preservation.app.keeping import retention_of

    service = retention_of(parts)
    row = service.begin(digest, _who(service.find(digest)), _REASON_GIVEN)
    parts.drain()
    return [
        {
            "digest": row.digest,
            "first": [first.aip, first.version],
            "last": [last.aip, last.version],
            "label": f"{first.aip[:8]} … {last.aip[:8]}",
        }
        for first, last in service.pieces(row, MAX_SHARDS)
    ]


def carry_out(parts: Parts, community: str, one: Json, progress: Progress) -> Json:
    """Carry out one piece; a retry goes on where it was.

    Raises:
        BusyError: another run is at some of it: worth a retry.
    """
    from preservation.app.keeping import retention_of

    service = retention_of(parts)
    first, last = (VersionKey(community, *one[name]) for name in ("first", "last"))
    by = _who(service.find(one["digest"]))
    return _told([service.carry_out(one["digest"], (first, last), by, progress)])


def dispose(parts: Parts, digest: str, progress: Progress) -> Json:
    """End an approved list that was begun; whatever is left of it is carried out.

    Raises:
        UsageError: not approved by enough people, held, or stale.
        BusyError: another run is at some of it: worth a retry.
    """
    from preservation.app.keeping import retention_of

    service = retention_of(parts)
    by = _who(service.find(digest))
    return _told([service.dispose(digest, by, _REASON_GIVEN, progress)])


def _who(row: ProposalRow) -> str:
    return next((one.by for one in row.approvals if not is_shared(one.by)), "")


def _told(done: list[Disposed]) -> Json:
    """What came of it, in the log and as counts.

    Raises:
        BusyError: some of it is another run's now.
    """
    removals = [one for some in done for one in some.removals]
    left = [one for some in done for one in some.left]
    for removal in removals:
        until = f" until {removal.until:%Y-%m-%d}" if removal.until else ""
        state = f"{removal.state}{until}"
        _log.info("%s on %s: %s %s", removal.key, removal.tier, state, removal.reason)
    for item in left:
        _log.warning("%s was left as it is: %s", item.item, item.reason)
    states = [one.state for one in removals] + [one.state for one in left]
    if busy := states.count("busy"):
        raise BusyError(f"{busy} items are another run's now", code="RET-UNFINISHED")
    return {state: states.count(state) for state in sorted(set(states))}
