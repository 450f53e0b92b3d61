"""Reviews: what is due, as a proposal that is kept; and what somebody decided to keep on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from preservation.catalogue.custody import ProposalRow, RemovalRow
from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.errors import UsageError
from preservation.model.clock import stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.model.event import EventType
from preservation.model.replica import ReplicaState, VersionKey
from preservation.policy.policy import Policy
from preservation.retention.approvals import Tally, tally
from preservation.retention.books import Means
from preservation.retention.proposal import DISPOSE, RETIRE, Item, Place, Proposal

MOST = 10_000  # items of one proposal; the rest comes with the next
LISTED = 100  # versions to be reviewed by people


@dataclass(frozen=True, slots=True)
class Review:
    """What is due in a community.

    Attributes:
        proposal: None where nothing is due.
        is_new: it was made now; else it is the one that was made before and says the same.
        approvals: how far its approval has come.
        more: disposals that are due and found no place in it.
        held: versions that were kept long enough and are held.
        waiting: replicas on tiers not promised any more, whose version is not yet verified on
            every promised tier, or is held.
        to_review: versions that a person should look at by the policy; the oldest.
        pending: removals that were begun and are not finished.
    """

    community: str
    proposal: Proposal | None
    is_new: bool
    approvals: Tally | None
    more: int
    held: int
    waiting: int
    to_review: tuple[VersionRow, ...]
    pending: tuple[RemovalRow, ...]

    def to_json(self) -> dict[str, Any]:
        """One community of ``samarkand.retention-review/1``."""
        proposal, approvals = self.proposal, self.approvals
        return {
            "community": self.community,
            "proposal": "" if proposal is None else proposal.digest,
            "new": self.is_new,
            "items": [] if proposal is None else [item.to_json() for item in proposal.items],
            "bytes": 0 if proposal is None else proposal.octets,
            "approved_by": [] if approvals is None else list(approvals.by),
            "approvals": 0 if approvals is None else approvals.people,
            "approvals_needed": 0 if approvals is None else approvals.needed,
            "more": self.more,
            "held": self.held,
            "waiting": self.waiting,
            "to_review": [
                {
                    "aip": row.key.aip,
                    "version": row.key.version,
                    "title": row.title,
                    "ingested_at": stamp(row.ingested_at),
                }
                for row in self.to_review
            ],
            "pending": [removal_json(row) for row in self.pending],
        }


def removal_json(row: RemovalRow) -> dict[str, Any]:
    """A removal as documents show it."""
    return {
        "aip": row.key.aip,
        "version": row.key.version,
        "tier": row.tier,
        "kind": row.kind,
        "begun_at": stamp(row.begun_at),
        "until": None if row.until is None else stamp(row.until),
        "reason": row.reason,
        "done_at": None if row.done_at is None else stamp(row.done_at),
    }


class Reviewer:
    """Says what is due, and keeps what it said."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._catalogue = means.catalogue
        self._custody = means.catalogue.custody

    def review(self, policy: Policy) -> Review:
        """What is due now. The proposal is kept in the journal under its digest, for approval;
        while nothing changes, the same one is given again.
        """
        now = self._means.events.clock.now()
        proposal = self.listed(policy, now)
        is_new = bool(proposal.items)
        former = self._open_proposal(policy) if is_new else None
        if former is not None and former.says_the_same(proposal):
            proposal, is_new = former, False
        if is_new:
            self._keep(proposal)
        made = proposal if proposal.items else None
        row = self._custody.proposal(proposal.digest) if made else None
        return Review(
            community=policy.community,
            proposal=made,
            is_new=is_new,
            approvals=tally(policy.retention, row.approvals) if row else None,
            more=max(0, self._more(policy, proposal, now)),
            held=self._held(policy, now),
            waiting=self._waiting(policy),
            to_review=self._to_review(policy, now),
            pending=tuple(self._custody.removals(policy.community, pending=True)),
        )

    def listed(self, policy: Policy, as_of: datetime) -> Proposal:
        """What was due at a moment, as the catalogue is now."""
        items = self._disposals(policy, as_of)
        disposed = {item.key for item in items}
        if left := MOST - len(items):
            found = self._custody.unpromised(policy.community, promised(policy), left)
            items += [
                Item.of(RETIRE, version, [row]) for row, version in found if row.key not in disposed
            ]
        return Proposal(policy.community, policy.ref, as_of, tuple(items))

    def still_holds(self, policy: Policy, proposal: Proposal) -> bool:
        """Whether a proposal would be made like this again, as of its own moment. Replicas that
        came to be ready for retirement since are no matter: they are not in it.
        """
        disposals = [item for item in proposal.items if item.act == DISPOSE]
        retired = [item for item in proposal.items if item.act != DISPOSE]
        replicas = self._custody.replicas_of([item.key for item in retired])
        return disposals == self._disposals(policy, proposal.as_of) and all(
            _can_go(policy, item, replicas[item.key]) for item in retired
        )

    def _disposals(self, policy: Policy, as_of: datetime) -> list[Item]:
        """Versions that were kept long enough at a moment, oldest first."""
        if policy.retention.keep is None:
            return []
        since = as_of - policy.retention.keep
        due = self._custody.due(policy.community, since, as_of, MOST)
        replicas = self._custody.replicas_of([row.key for row in due])
        return [Item.of(DISPOSE, row, replicas[row.key]) for row in due]

    def keep_on(
        self, policy: Policy, key: VersionKey, until: datetime, by: str, reason: str
    ) -> None:
        """Record that a version was reviewed, and is kept until then at least.

        Raises:
            UsageError: no reason, no such version, or a day that has passed.
        """
        if not reason.strip():
            raise UsageError("a review needs a reason", hint="say why it is kept with --reason")
        if self._catalogue.version(key) is None:
            raise UsageError(f"{key} is not held", hint="`preserve aip list` shows what is")
        if until <= self._means.events.clock.now():
            raise UsageError(f"{until:%Y-%m-%d} has passed", hint="name a day that is to come")
        detail = {"until": stamp(until), "by": by, "reason": reason}
        events = replace(self._means.events, agent=by)
        event = events.about(key, EventType.APPRAISAL, "kept", detail, policy=policy.ref)
        self._catalogue.record([event])

    def kept(self, row: ProposalRow) -> Proposal:
        """The document of a proposal, its bytes compared with its digest."""
        return Proposal.from_json(self._means.journal.result(Digest.parse_tagged(row.digest)))

    def overtaken(self, policy: Policy) -> dict[str, str]:
        """Proposals that nobody began and that say no more what is due, each with the digest of
        the later one that does; an empty one where another policy is what overtook it.
        """
        rows = self._custody.proposals(policy.community)
        waiting = [row for row in rows if row.begun_at is None]
        last = waiting[-1] if waiting else None
        found = {row.digest: last.digest for row in waiting[:-1] if last is not None}
        if last is not None and last.policy != policy.ref:
            found[last.digest] = "" if last is rows[-1] else rows[-1].digest
        elif last is not None and last is not rows[-1] and not self._is_due(policy, last):
            found[last.digest] = rows[-1].digest  # which was carried out
        return found

    def _is_due(self, policy: Policy, row: ProposalRow) -> bool:
        return self.still_holds(policy, self.kept(row))

    def _open_proposal(self, policy: Policy) -> Proposal | None:
        """The last proposal under this policy that nobody has begun."""
        for row in reversed(self._custody.proposals(policy.community)):
            if row.begun_at is None and row.policy == policy.ref:
                return self.kept(row)
        return None

    def _keep(self, proposal: Proposal) -> None:
        digest = str(self._means.journal.put_result(proposal.to_json()))
        detail = {
            "proposal": digest,
            "result": digest,
            "items": len(proposal.items),
            "bytes": proposal.octets,
        }
        event = self._means.events.of(
            proposal.community, EventType.APPRAISAL, "proposed", detail, policy=proposal.policy
        )
        self._catalogue.record([event])

    def _more(self, policy: Policy, proposal: Proposal, now: datetime) -> int:
        """What is due and found no place in a full proposal: of disposals, how many."""
        keep = policy.retention.keep
        if keep is None or len(proposal.items) < MOST:
            return 0
        return self._custody.due_amount(policy.community, now - keep, now).count - MOST

    def _held(self, policy: Policy, now: datetime) -> int:
        keep = policy.retention.keep
        return 0 if keep is None else self._custody.held_back(policy.community, now - keep)

    def _waiting(self, policy: Policy) -> int:
        tiers = promised(policy)
        every = self._custody.unpromised_amount(policy.community, tiers, ready=False)
        ready = self._custody.unpromised_amount(policy.community, tiers, ready=True)
        return every.count - ready.count

    def _to_review(self, policy: Policy, now: datetime) -> tuple[VersionRow, ...]:
        every = policy.retention.review
        if every is None:
            return ()
        return tuple(self._custody.reviews(policy.community, now - every, LISTED))


def _can_go(policy: Policy, item: Item, rows: list[ReplicaRow]) -> bool:
    """Whether a replica is still the one that was listed, is promised no more, and every promised
    one is verified.
    """
    verified = {row.tier for row in rows if row.state is ReplicaState.VERIFIED}
    there = {Place.of(row) for row in rows}
    tiers = set(promised(policy))
    return (
        set(item.replicas) <= there
        and not tiers & {one.tier for one in item.replicas}
        and tiers <= verified
    )


def promised(policy: Policy) -> list[str]:
    """The tiers that the policy promises a replica on."""
    return [rule.tier for rule in policy.replicas]
