"""The three sentences of the first screen.

Is everything promised true? What must I do, by when? What was not checked? They are made
from the rows, and never say more than the rows do: nothing checked is "nothing was checked".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime

from preservation.model.deferred import dataclass
from preservation.policy.independence import Independence
from preservation.policy.policy import Policy
from preservation.reports.holdings import KEPT, shown
from preservation.reports.promises import BROKEN
from preservation.reports.rows import (
    CheckLine,
    PromiseLine,
    ReplicaLine,
    Tables,
    TaskLine,
    VersionLine,
)
from preservation.reports.words import count, day, listed, short


@dataclass(frozen=True, slots=True)
class Sentence:
    """One answer: a word that can be read alone, a sentence, and what to add to it.

    Attributes:
        mood: ``good``, ``bad`` or ``open``; colour only repeats what the words say.
    """

    question: str
    word: str
    text: str
    more: str
    mood: str


@dataclass(slots=True)
class Glance:
    """What the sentences say about rows, looked at one by one, since not all are kept.

    Attributes:
        unkept: a version lacks something, due or not.
        tiers: where replicas are.
        next: the replica whose check falls due first, of those that are not overdue.
        never, oldest: of replicas that this run did not check, how many never were, and when
            the one checked longest ago was.
        cached: intact checks in which memory may have answered for the medium.
        made, alone: checks that compared digests, and those that compared SHA-256 alone.
    """

    unkept: bool = False
    tiers: set[str] = field(default_factory=set)
    next: ReplicaLine | None = None
    never: int = 0
    oldest: datetime | None = None
    cached: int = 0
    made: int = 0
    alone: int = 0

    def version(self, line: VersionLine) -> None:
        """Look at a version."""
        self.unkept |= line.standing != KEPT

    def replica(self, line: ReplicaLine) -> None:
        """Look at a replica."""
        self.tiers.add(line.tier)
        if (
            line.due_at
            and not line.overdue
            and (self.next is None or self.next.due_at is None or line.due_at < self.next.due_at)
        ):
            self.next = line
        if line.checked_in_run:
            return
        if line.checked_at is None:
            self.never += 1
        elif self.oldest is None or line.checked_at < self.oldest:
            self.oldest = line.checked_at

    def check(self, line: CheckLine) -> None:
        """Look at a check."""
        self.cached += line.outcome == "intact" and not line.cache_bypassed
        self.made += bool(line.algorithms)
        self.alone += line.algorithms == ("sha256",)


def sentences(
    tables: Tables,
    numbers: Mapping[str, int],
    seen: Glance,
    policy: Policy,
    domains: Mapping[str, str],
) -> tuple[Sentence, Sentence, Sentence]:
    """The three answers, in their order."""
    return (
        _promised(tables, numbers, seen, _independence(seen, policy, domains)),
        _todo(tables, seen),
        _unchecked(numbers, seen),
    )


def _promised(tables: Tables, numbers: Mapping[str, int], seen: Glance, more: str) -> Sentence:
    question = "Is everything promised true?"
    broken = [line for line in tables.promises if line.verdict == BROKEN]
    verified = f"{numbers['verified']:,} of {count(numbers['replicas'], 'replica')} verified"
    if not numbers["versions"]:
        return Sentence(question, "Nothing held", "No AIP is held for this community.", "", "open")
    if broken:
        return Sentence(question, "No", _broken(broken, tables, numbers), more, "bad")
    if not numbers["verified"]:
        text = "No replica was ever read back: all rests on what was written."
        return Sentence(question, "Not shown", text, more, "open")
    if seen.unkept:
        text = f"Nothing is broken; {verified}, and what is lacking is not due yet."
        return Sentence(question, "So far", text, more, "open")
    held = numbers["versions"]
    whole = "The one AIP version is" if held == 1 else f"All {held:,} AIP versions are"
    text = f"{whole} kept as the policy says: {verified}, and no check is overdue."
    return Sentence(question, "Yes", text, more, "good")


def _broken(broken: Sequence[PromiseLine], tables: Tables, numbers: Mapping[str, int]) -> str:
    parts = []
    if low := numbers["short"]:
        of = count(numbers["versions"], "AIP version")
        parts.append(f"{low:,} of {of} {'falls' if low == 1 else 'fall'} short of the policy")
    if numbers["overdue"]:
        parts.append(f"{count(numbers['overdue'], 'check')} overdue")
    if numbers["findings_open"]:
        parts.append(f"{count(numbers['findings_open'], 'finding')} open")
    away = [line.tier for line in tables.tiers if line.replicas and not line.failure_domain]
    if away:
        parts.append(f"{listed(away)} could not be looked at")
    told = parts or [line.promise for line in broken]
    return f"{count(len(broken), 'promise')} broken: {', '.join(told)}."


def _independence(seen: Glance, policy: Policy, domains: Mapping[str, str]) -> str:
    """What one failure would take, said even where the policy allows it."""
    if not seen.tiers:
        return ""
    if blind := sorted(tier for tier in seen.tiers if not domains.get(tier)):
        return f"{listed(blind)} could not be looked at; its independence is taken on trust."
    return shown(Independence(policy, domains).sentence(seen.tiers)) + "."


def _todo(tables: Tables, seen: Glance) -> Sentence:
    question = "What must I do, by when?"
    if not tables.tasks:
        return Sentence(question, "Nothing", _following(seen.next), "", "good")
    first, *others = tables.tasks
    text, more = f"{_task(first)}.", ""
    if others:
        left = len(others) - 2
        more = f"Then: {'; '.join(map(_task, others[:2]))}"
        more += f"; and {left:,} more below." if left > 0 else "."
    if first.since_past:
        return Sentence(question, "Now", text, more, "bad")
    word = f"By {day(first.by)}" if first.by else "In your own time"
    return Sentence(question, word, text, more, "open")


def _following(coming: ReplicaLine | None) -> str:
    """Nothing to do: what comes next by itself."""
    if coming is None or coming.due_at is None:
        return "Nothing is asked of you."
    name = f"{short(coming.title)} ({coming.aip} v{coming.version}) on {coming.tier}"
    return f"Nothing is asked of you. The next check falls due on {day(coming.due_at)}: {name}."


def _task(task: TaskLine) -> str:
    names = f" ({listed(task.subjects, 2)})" if task.subjects else ""
    if task.by is None:
        return f"{task.task}{names}"
    return f"{task.task}{names}, {'due since' if task.since_past else 'by'} {day(task.by)}"


def _unchecked(numbers: Mapping[str, int], seen: Glance) -> Sentence:
    question = "What was not checked?"
    left, held = numbers["not_checked"], numbers["replicas"]
    more = _reservations(numbers, seen)
    if not held:
        text = "There is no replica to check."
        return Sentence(question, "Nothing was checked", text, "", "open")
    if not left:
        text = f"Each of {count(held, 'replica')} was checked in this run."
        return Sentence(question, "Nothing was left out", text, more, "good")
    word = "Nothing was checked" if left == held else f"{left:,} of {count(held, 'replica')}"
    whole = "It stands" if left == 1 else "They stand"
    subject = count(held, "replica").capitalize() + " stand" if left == held else whole
    late = f", and {count(numbers['overdue'], 'check')} overdue" if numbers["overdue"] else ""
    return Sentence(question, word, f"{subject} on {_evidence(seen)}{late}.", more, "open")


def _evidence(seen: Glance) -> str:
    """How old the oldest evidence is about what was left out."""
    never = seen.never
    oldest = f"earlier checks, the oldest of {day(seen.oldest)}" if seen.oldest else ""
    if not never:
        return oldest
    return f"{oldest}; {never:,} were never checked" if oldest else "no check at all yet"


def _reservations(numbers: Mapping[str, int], seen: Glance) -> str:
    """What weakens the checks that were made."""
    said = []
    if numbers["unchecked"]:
        said.append(f"{count(numbers['unchecked'], 'check')} could not be made.")
    if seen.cached:
        said.append(
            f"In {count(seen.cached, 'check')} memory could have answered for the medium: "
            "the cache could not be bypassed."
        )
    if seen.alone:
        said.append(f"Compared by SHA-256 alone: {seen.alone:,} of {count(seen.made, 'check')}.")
    return " ".join(said)
