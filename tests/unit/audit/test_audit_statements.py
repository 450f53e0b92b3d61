"""Other holders' statements: who is asked, in which order, and what a later look at them tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from homes import SILENCE, Archive

from preservation.app.parts import Parts
from preservation.policy.policy import Policy
from preservation.storage.source import Package, Statement


class Holder:
    """Keeps packages, and says of each what it is told to say."""

    id = "partner"

    def __init__(self, *names: str) -> None:
        self.kept = list(names)
        self.says = dict.fromkeys(names, "pass")
        self.asked: list[str] = []

    def check(self) -> None:
        """It answers."""

    def packages(self) -> Iterator[Package]:
        yield Package("not-kept", "AIP", "DELETED", 1)
        for name in self.kept:
            yield Package(name, "AIP", "UPLOADED", None)

    def state(self, package: str) -> Statement:
        self.asked.append(package)
        return Statement(package, self.says[package])


def ask(parts: Parts, policy: Policy, holder: Holder, **more: object) -> list[str]:
    holder.asked = []
    parts.statements.ask(policy, holder, SILENCE, **more)  # type: ignore[arg-type]
    return holder.asked


def test_those_asked_longest_ago_come_first_and_fresh_ones_not_at_all(archive: Archive) -> None:
    holder = Holder("b", "a")
    with archive.opened() as (parts, policy):
        assert ask(parts, policy, holder) == ["a", "b"]
        assert ask(parts, policy, holder, package="a") == ["a"]
        holder.kept.append("c")
        holder.says["c"] = "pass"
        assert ask(parts, policy, holder) == ["c"]
        assert ask(parts, policy, holder, fresh=timedelta(0)) == ["b", "a", "c"]


def test_a_package_that_is_listed_no_more_or_that_failed_is_told(archive: Archive) -> None:
    holder = Holder("a", "b", "c")
    holder.says["b"] = "fail"
    with archive.opened() as (parts, policy):
        ask(parts, policy, holder)
        holder.kept = ["b", "c", "d"]
        compared = parts.statements.compare(holder)  # type: ignore[arg-type]
    assert (compared.packages, compared.never) == (3, 1)
    assert [(one.code, one.subject) for one in compared.findings] == [
        ("SRC-GONE", "a on partner"),
        ("SRC-FAILED", "b on partner"),
    ]
