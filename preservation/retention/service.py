"""Disposal and retirement: the only way in which anything that is kept is ever removed.

The order, and what a crash after each step leaves:

1. a proposal is kept under its digest, approvals are recorded     nothing was decided
2. an event says that the disposal of exactly this list begins     the next run goes on
3. for some items, under their leases: looked at once more; a      they count no longer; the
   retired replica's remaining minimum is read back; an event says   bytes are all there
   what is going to be removed
4. the journal is drained: the events are durable
5. per tier: a hold that came meanwhile stops it; a retired one's  the next run removes the rest
   minimum is read again, if that was an hour ago; the tombstone,
   then sidecar, bytes, former versions, uploads, quarantine;
   confirmed by listing; an event
6. an event says that each item was decided; what a lock holds,
   or a tier that is away, stays pending until a later run

An item that is not any more what it was, is held, or has too little behind it is left as it is,
and needs a new proposal.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Any

from preservation.catalogue.custody import ProposalRow
from preservation.errors import UsageError
from preservation.model.deferred import dataclass
from preservation.model.event import Event, EventType
from preservation.model.progress import Progress
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy
from preservation.retention.approvals import Tally, require_approver, require_person, tally
from preservation.retention.books import Means
from preservation.retention.deciding import Decider, Left, Run
from preservation.retention.proposal import Item, Proposal
from preservation.retention.removal import Removal, Remover
from preservation.retention.review import Reviewer

SHORTEST = 8  # digits of a digest that name a proposal: one slip must not name another
AT_ONCE = 50  # items that are decided before the journal is drained for them


@dataclass(slots=True)
class Disposed:
    """What one run came to."""

    proposal: str
    removals: list[Removal] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """One proposal of ``samarkand.retention-dispose/1``."""
        return {
            "proposal": self.proposal,
            "removals": [one.to_json() for one in self.removals],
            "left": [one.to_json() for one in self.left],
        }


class RetentionService:
    """Reviews, approvals, disposals and retirements."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._catalogue = means.catalogue
        self._custody = means.catalogue.custody
        self._remover = Remover(means)
        self._decider = Decider(means)
        self.reviewer = Reviewer(means)

    # -- approvals

    def find(self, digest: str) -> ProposalRow:
        """The proposal whose digest begins so.

        Raises:
            UsageError: none does, or several do (``RET-UNKNOWN``).
        """
        wanted = digest.strip().lower().removeprefix("sha256:")
        found = [
            row
            for row in self._custody.proposals()
            if len(wanted) >= SHORTEST and row.digest.removeprefix("sha256:").startswith(wanted)
        ]
        if len(found) != 1:
            what = "no proposal begins" if not found else f"{len(found)} proposals begin"
            raise UsageError(
                f"{what} with {digest!r}",
                hint=f"give {SHORTEST} digits or more; `preserve retention list` shows them, "
                "`review` makes one of what is due",
                code="RET-UNKNOWN",
            )
        return found[0]

    def approve(self, digest: str, by: str, reason: str, *, revoke: bool = False) -> ProposalRow:
        """Put an account's word on a proposal on record, or take it back.

        Raises:
            UsageError: no such proposal, not an approver, under a policy that is in force no
                more (``RET-STALE``), or begun already (``RET-BEGUN``).
        """
        row = self.find(digest)
        policy = self._means.governing(row.community)
        if row.begun_at is not None:
            raise UsageError(f"the disposal of {row.digest} was begun already", code="RET-BEGUN")
        require_approver(policy.retention, by)
        self._require_policy(row, policy)
        self.reviewer.kept(row)  # what is approved can be read, and is what its digest says
        detail = {"proposal": row.digest, "by": by, "reason": reason}
        outcome = "revoked" if revoke else "approved"
        events = replace(self._means.events, agent=by)
        event = events.of(
            row.community, EventType.DISPOSAL_APPROVAL, outcome, detail, policy=policy.ref
        )
        self._catalogue.record([event])
        return self._custody.proposal(row.digest) or row

    # -- disposal

    def dispose(self, digest: str, by: str, reason: str, progress: Progress) -> Disposed:
        """Carry out an approved proposal, or go on with one that was begun.

        Args:
            by: whose act it is; one person's account, where it begins now.

        Raises:
            UsageError: not approved (``RET-NOT-APPROVED``), a hold is open (``RET-HELD``), not
                any more what was approved (``RET-STALE``), a shared account.
            NotNowError: the journal can't be written; nothing was removed.
        """
        row = self.begin(digest, by, reason)
        policy = self._means.governing(row.community)
        return self._carry_on(row, policy, by, reason, progress)

    def begin(self, digest: str, by: str, reason: str) -> ProposalRow:
        """Say that an approved proposal is carried out now, unless that was said before.

        Raises:
            UsageError: as :meth:`dispose`.
        """
        row = self.find(digest)
        if row.begun_at is None:
            self._begin(row, self._means.governing(row.community), by, reason)
            row = self._custody.proposal(row.digest) or row
        return row

    def pieces(self, row: ProposalRow, most: int) -> list[tuple[VersionKey, VersionKey]]:
        """The versions of a proposal in pieces that several workers can carry out beside each
        other: the first and the last of each. What is retired of a version counts together, so
        that none is in two.

        Args:
            most: pieces at most; small proposals have fewer.
        """
        keys = sorted({item.key for item in self.reviewer.kept(row).items})
        size = max(AT_ONCE, -(-len(keys) // most))
        return [
            (keys[first], keys[min(first + size, len(keys)) - 1])
            for first in range(0, len(keys), size)
        ]

    def carry_out(
        self, digest: str, piece: tuple[VersionKey, VersionKey], by: str, progress: Progress
    ) -> Disposed:
        """Carry out a piece of a proposal that was begun; :meth:`dispose` ends it after that, and
        does what was left undone.
        """
        row = self.find(digest)
        if row.begun_at is None:
            raise UsageError(f"the disposal of {row.digest} was not begun", code="RET-NOT-BEGUN")
        done = Disposed(row.digest)
        if row.ended_at is None:
            policy, (first, last) = self._means.governing(row.community), piece
            items = [one for one in self.reviewer.kept(row).items if first <= one.key <= last]
            self._decide(self._run(row, policy, by, "", progress), items, done)
        return done

    def finish(self, progress: Progress, community: str | None = None) -> list[Disposed]:
        """Go on with everything that was begun: what a killed run left, what a lock held, what
        lay on a tier that was away.
        """
        pending = {row.proposal for row in self._custody.removals(community, pending=True)}
        begun = [
            row
            for row in self._custody.proposals(community)
            if row.begun_at is not None and (row.ended_at is None or row.digest in pending)
        ]
        return [
            self._carry_on(row, self._means.governing(row.community), "", "", progress)
            for row in begun
        ]

    def _begin(self, row: ProposalRow, policy: Policy, by: str, reason: str) -> None:
        require_person(by)
        self._require_policy(row, policy)
        counted = tally(policy.retention, row.approvals)
        if not counted.is_enough:
            raise UsageError(
                f"not approved: {counted.sentence}",
                hint=f"`preserve retention approve {row.digest}`, each under an own account",
                code="RET-NOT-APPROVED",
            )
        proposal = self.reviewer.kept(row)
        if proposal.as_of > self._means.events.clock.now():
            raise _stale(row, f"it is of {proposal.as_of:%Y-%m-%d}, which has not come")
        self._require_no_hold(proposal)
        if not self.reviewer.still_holds(policy, proposal):
            raise _stale(row, "what is due is not exactly this list any more")
        detail = {
            "proposal": row.digest,
            "by": by,
            "reason": reason,
            "approved_by": list(counted.by),
        }
        self._catalogue.record([self._of(row, EventType.DISPOSAL, "begun", detail, policy)])

    def _require_policy(self, row: ProposalRow, policy: Policy) -> None:
        if row.policy != policy.ref:
            raise _stale(row, "another policy is in force now")

    def _require_no_hold(self, proposal: Proposal) -> None:
        keys = {item.key for item in proposal.items}
        about = {(key.aip, number) for key in keys for number in (0, key.version)}
        for hold in self._custody.holds(proposal.community):
            if (hold.aip, hold.version) in about:
                raise UsageError(
                    f"{hold.aip} is held: {hold.reason}",
                    hint=f"`preserve hold release {hold.id}`, if its reason is gone",
                    code="RET-HELD",
                )

    def _carry_on(
        self, row: ProposalRow, policy: Policy, by: str, reason: str, progress: Progress
    ) -> Disposed:
        done = Disposed(row.digest)
        if row.ended_at is None:
            run = self._run(row, policy, by, reason, progress)
            self._decide(run, self.reviewer.kept(row).items, done)
            if not any(one.state == "busy" for one in done.left):
                self._end(row, policy, done)
        self._finish(row, done, progress)
        return done

    def _run(
        self, row: ProposalRow, policy: Policy, by: str, reason: str, progress: Progress
    ) -> Run:
        counted = tally(policy.retention, row.approvals)
        who = by or (counted.by[-1] if counted.by else "")
        objection = _objection(row, policy, counted)
        return Run(row, policy, who, reason, counted.by, progress, objection)

    def _decide(self, run: Run, items: Sequence[Item], done: Disposed) -> None:
        """Decide items, and remove what was decided, some at once."""
        for first in range(0, len(items), AT_ONCE):
            some = items[first : first + AT_ONCE]
            done.left += [left for left in map(partial(self._decider.decide, run), some) if left]
            self._finish(run.row, done, run.progress, {item.key for item in some})

    def _finish(
        self,
        row: ProposalRow,
        done: Disposed,
        progress: Progress,
        only: Collection[VersionKey] | None = None,
    ) -> None:
        """Remove what is decided and not gone; what was tried in this run is not tried again."""
        tried = {(one.key, one.tier) for one in done.removals}
        pending = self._custody.removals(row.community, proposal=row.digest, pending=True)
        due = [
            one
            for one in pending
            if (one.key, one.tier) not in tried and (only is None or one.key in only)
        ]
        done.removals += self._remover.finish(due, progress)

    def _end(self, row: ProposalRow, policy: Policy, done: Disposed) -> None:
        left = [one.to_json() for one in done.left]
        detail = {"proposal": row.digest, "left": left}
        self._catalogue.record([self._of(row, EventType.DISPOSAL, "ended", detail, policy)])

    def _of(
        self,
        row: ProposalRow,
        type_: EventType,
        outcome: str,
        detail: dict[str, Any],
        policy: Policy,
    ) -> Event:
        return self._means.events.of(row.community, type_, outcome, detail, policy=policy.ref)


def _objection(row: ProposalRow, policy: Policy, counted: Tally) -> str:
    """Why nothing of a proposal that was begun may be decided any more; empty if it may."""
    if row.policy != policy.ref:
        return "another policy is in force now"
    return "" if counted.is_enough else f"it is not approved any more: {counted.sentence}"


def _stale(row: ProposalRow, why: str) -> UsageError:
    return UsageError(
        f"the proposal {row.digest} is stale: {why}",
        hint="run `preserve retention review`, and have the new list approved",
        code="RET-STALE",
    )
