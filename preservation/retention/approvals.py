"""Whether a proposal was approved by enough people. Pure.

An approval is an account's word on the digest of exactly one list. Two approvals need two people:
an account counts once however it is spelled, those that several people share count as one person
together, and never alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from preservation.catalogue.custody import Approval
from preservation.errors import UsageError
from preservation.model.deferred import dataclass
from preservation.policy.accounts import is_shared, person
from preservation.policy.retention import RetentionRule


@dataclass(frozen=True, slots=True)
class Tally:
    """Who approved, and how many people that is.

    Attributes:
        by: accounts that count, as the policy in force names who may approve.
        people: how many people stand behind them.
        needed: how many have to.
    """

    by: tuple[str, ...]
    people: int
    needed: int
    named: int

    @property
    def is_enough(self) -> bool:
        """Whether it may be done: enough people, one of them at least under a name of their own."""
        return self.people >= self.needed and self.named > 0

    @property
    def sentence(self) -> str:
        """How it stands, for people."""
        who = f" ({', '.join(self.by)})" if self.by else ""
        text = f"{self.people} of {self.needed} approvals{who}"
        return text if self.named or not self.by else f"{text}, none under an account of one person"


def tally(rule: RetentionRule, approvals: Iterable[Approval]) -> Tally:
    """Count the approvals of one proposal."""
    by = tuple(one.by for one in approvals if may_approve(rule, one.by))
    named = {person(name) for name in by if not is_shared(name)}
    shared = any(is_shared(name) for name in by)
    return Tally(by, len(named) + shared, rule.approvals, len(named))


def may_approve(rule: RetentionRule, account: str) -> bool:
    """Whether an account's word counts."""
    if not rule.approvers:
        return bool(account.strip())
    return account.casefold() in {name.casefold() for name in rule.approvers}


def require_approver(rule: RetentionRule, account: str) -> None:
    """Raise ``UsageError`` (``RET-NOT-APPROVER``) unless the account's word counts."""
    if not may_approve(rule, account):
        raise UsageError(
            f"the policy does not let {account or 'nobody'} approve this",
            hint=f"it asks {' or '.join(rule.approvers) or 'for an account of a person'}",
            code="RET-NOT-APPROVER",
        )


def require_person(account: str) -> None:
    """Raise ``UsageError`` (``RET-SHARED-ACCOUNT``) unless the account is one person's own."""
    if is_shared(account):
        raise UsageError(
            f"{account or 'nobody'} is an account that nobody answers for: it can't dispose",
            hint="run this under an account of your own",
            code="RET-SHARED-ACCOUNT",
        )
