"""The store of effective policies: ``<home>/policies/``, the truth about what governs.

    objects/<sha256-hex>.json   one effective policy each, canonical JSON, never rewritten
    plans/<sha256-hex>.json     what each apply was expected to do, as it was shown
    history/<sha256-hex>.json   each apply, and the one before it: see ``amendments``
    in-force.json               which policy governs each community, and the newest amendment
    recorded.json               the newest amendment whose events are in the catalogue
    unedited.json               which policy files were seen to say what is in force: a note
    .lock                       held while a change is put in force

Everything is written before the file that names it, and that file is replaced in one step: a
crash leaves what was in force in force, and at most documents that nobody names.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from preservation.errors import (
    BusyError,
    HomeNotFoundError,
    MalformedError,
    SamarkandError,
    UsageError,
)
from preservation.files import durable, lock
from preservation.ledger.amendments import Amendment, Succession
from preservation.ledger.documents import Documents
from preservation.ledger.protocol import InForce
from preservation.model.canonical import canonical, digest_of
from preservation.model.clock import parse_stamp, stamp
from preservation.model.deferred import dataclass
from preservation.model.digest import Digest
from preservation.policy.effective import SCHEMA as POLICY_SCHEMA
from preservation.policy.policy import Policy
from preservation.policy.terms import EVER, Governed

SCHEMA = "samarkand.in-force/1"
RECORDED_SCHEMA = "samarkand.policies-recorded/1"


_Chains = Mapping[str, Sequence[tuple[datetime, Digest]]]


@dataclass(frozen=True, slots=True)
class _State:
    """What ``in-force.json`` says: a line for each community, and the newest amendment."""

    lines: Mapping[str, InForce]
    amendment: Digest | None


class PolicyFiles:
    """``<home>/policies/``: ``objects/<digest>.json`` and ``in-force.json``. The truth.

    A policy is read once; its digest is its name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = Documents(folder)
        self._lines = folder / "in-force.json"
        self._read: dict[Digest, Policy] = {}
        self._chained: tuple[Digest | None, _Chains] = (None, {})

    def in_force(self) -> Mapping[str, InForce]:
        """What governs each community now; empty before the first ``policy apply``."""
        return self._state().lines

    def _state(self) -> _State:
        try:
            with durable.plain_errors(self._lines):
                data = self._lines.read_bytes()
        except FileNotFoundError:
            return _State({}, None)
        try:
            return _parse(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{self._lines} cannot be read: {error}",
                hint="run `preserve policy recover`: the store's history says what is in force",
                code="POL-IN-FORCE-CORRUPT",
            ) from error

    def policy(self, digest: Digest) -> Policy:
        """The effective policy of this digest; its bytes are compared with it."""
        if digest not in self._read:
            self._read[digest] = self._load(digest)
        return self._read[digest]

    def governing(self, community: str) -> Policy:
        """The policy in force.

        Raises:
            UsageError: none is (``POL-NOT-IN-FORCE``).
        """
        line = self.in_force().get(community)
        if line is None:
            raise UsageError(
                f"no policy is in force for {community!r}",
                hint="look at its name: `preserve policy status` shows those in force; "
                "`preserve policy apply` puts a new one in force",
                code="POL-NOT-IN-FORCE",
            )
        return self.policy(line.digest)

    def apply(
        self,
        effective: Mapping[str, Mapping[str, Any]],
        by: str,
        reason: str,
        at: datetime,
        expected: Mapping[str, Digest],
        *,
        consent: str = "",
        plan: Mapping[str, Any] | None = None,
        pausing: Collection[str] = (),
    ) -> list[InForce]:
        """Put effective documents in force, all or none, if what is in force, and not paused, is
        still ``expected`` (else ``BusyError`` ``POL-STALE``). Returns the lines that changed.

        Args:
            pausing: communities in force for which nothing is done from now on.
            consent: who agreed to promises becoming weaker.
            plan: what this is expected to do; kept as evidence.
        """
        for community, document in effective.items():
            if Policy.from_effective(document).community != community:
                raise SamarkandError(f"the policy of {community!r} names another community")
        with self._locked():
            state = self._state()
            if active_digests(state.lines) != dict(expected):
                raise BusyError(
                    "the policies in force changed since this plan was made",
                    hint="run `preserve policy plan` again",
                    code="POL-STALE",
                )
            changed = _successions(state.lines, effective, pausing)
            if not changed:
                return []
            for one in changed.keys() & effective.keys():
                self._kept.keep("objects", canonical(effective[one]))
            kept = None if plan is None else self._kept.keep("plans", canonical(plan))
            return self._amend(
                state, Amendment(at, by, reason, consent, kept, state.amendment, changed)
            )

    def _amend(self, state: _State, amendment: Amendment) -> list[InForce]:
        """Keep an amendment, then put its lines in force, all at once."""
        newest = self._kept.keep("history", amendment.encode())
        at, by, reason = amendment.at, amendment.by, amendment.reason
        lines = {
            one: InForce(one, step.digest, step.previous, at, by, reason, step.paused)
            for one, step in amendment.communities.items()
        }
        durable.replace(self._lines, _encode(_State({**state.lines, **lines}, newest)))
        return list(lines.values())

    def recover(self, newest: Digest) -> Mapping[str, InForce]:
        """Write ``in-force.json`` anew, as the amendments up to this one leave it.

        Raises:
            UsageError: an amendment or a policy that it names is missing or corrupt
                (``POL-OBJECT-MISSING``, ``POL-OBJECT-CORRUPT``); nothing is written.
        """
        lines: dict[str, InForce] = {}
        with self._locked():
            for amendment in reversed(list(self._chain(newest, None))):
                at, by, reason = amendment.at, amendment.by, amendment.reason
                for one, step in amendment.communities.items():
                    now = (step.digest, step.previous, at, by, reason, step.paused)
                    lines[one] = InForce(one, *now)
            for line in lines.values():
                self.policy(line.digest)
            durable.replace(self._lines, _encode(_State(lines, newest)))
        return lines

    def history(self, until: Digest | None = None) -> Iterator[Amendment]:
        """Every amendment in force, newest first; with ``until``, those after that one.

        Raises:
            UsageError: one is missing or has other bytes than its name says
                (``POL-OBJECT-MISSING``, ``POL-OBJECT-CORRUPT``).
        """
        return self._chain(self._state().amendment, until)

    def _chain(self, newest: Digest | None, until: Digest | None) -> Iterator[Amendment]:
        name = newest
        while name is not None and name != until:
            amendment = Amendment.from_json(self._kept.read("history", name))
            yield amendment
            name = amendment.previous

    def past(self, policy: Policy) -> Iterator[Governed]:
        """What governed a community up to one of its policies, that one first. It ends where the
        history cannot be read: nobody knows what was promised before.
        """
        known = self._chains().get(policy.community, ())
        started = False
        for at, digest in known:
            started = started or str(digest) == policy.ref
            if started:
                try:
                    yield Governed(at, self.policy(digest))
                except SamarkandError:
                    return
        if not started:
            yield Governed(EVER, policy)

    def _chains(self) -> _Chains:
        """The policies of each community, newest first, each with when it was put in force."""
        newest = self._state().amendment
        if newest != self._chained[0]:
            chains: dict[str, list[tuple[datetime, Digest]]] = {}
            with suppress(SamarkandError):
                for amendment in self._chain(newest, None):
                    for community, step in amendment.communities.items():
                        chains.setdefault(community, []).append((amendment.at, step.digest))
            self._chained = newest, chains
        return self._chained[1]

    def find(self, text: str) -> Digest:
        """The kept document that people mean: a community's id (its policy in force), or the
        digest of a policy, plan or amendment, or the beginning of one.

        Raises:
            UsageError: nothing is kept under it, or several things are (``POL-UNKNOWN-DIGEST``).
        """
        line = self.in_force().get(text)
        return self._kept.find(text) if line is None else line.digest

    def document(self, digest: Digest) -> Any:
        """A kept policy, plan or amendment, its bytes compared with its name."""
        return self._kept.any(digest)

    def unrecorded(self) -> list[Amendment]:
        """Amendments in force whose events may not be in the catalogue yet, oldest first."""
        return list(self.history(until=self._recorded_until()))[::-1]

    def recorded(self, newest: Digest | None) -> None:
        """Note that the events of all amendments up to this one are recorded; None: of none."""
        told = None if newest is None else str(newest)
        data = canonical({"schema": RECORDED_SCHEMA, "amendment": told}) + b"\n"
        durable.replace(self._folder / "recorded.json", data)

    def is_unedited(self, files: str) -> bool:
        """Whether policy files of this fingerprint were found to say what is in force now."""
        try:
            noted = (self._folder / "unedited.json").read_bytes()
        except OSError:
            return False
        return noted == self._unedited(files)

    def note_unedited(self, files: str) -> None:
        """Note that policy files of this fingerprint say what is in force now."""
        durable.replace(self._folder / "unedited.json", self._unedited(files))

    def _unedited(self, files: str) -> bytes:
        newest = self._state().amendment
        told = {"amendment": None if newest is None else str(newest), "files": files}
        return canonical(told) + b"\n"

    def _recorded_until(self) -> Digest | None:
        """What cannot be read says nothing: events that are recorded again change nothing."""
        try:
            told = json.loads((self._folder / "recorded.json").read_bytes())["amendment"]
            return None if told is None else Digest.parse_tagged(told)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _load(self, digest: Digest) -> Policy:
        document = self._kept.read("objects", digest)
        path = self._kept.path("objects", digest)
        if document.get("schema") != POLICY_SCHEMA:
            raise UsageError(
                f"{path} is a {document.get('schema')!r}, which this version cannot read",
                hint="use the version of Samarkand that wrote it, or a later one",
                code="POL-OBJECT-SCHEMA",
            )
        return Policy.from_effective(document)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        busy = BusyError(
            "another change of policies is being put in force",
            hint="run `preserve policy plan` again when it is done",
            code="POL-BUSY",
        )
        if not self._folder.is_dir():
            raise HomeNotFoundError(
                f"there is no folder {self._folder}",
                hint="name a home with --home, or make one with `preserve init`",
            )
        with lock.alone(self._folder / ".lock", busy):
            yield


def active_digests(lines: Mapping[str, InForce]) -> dict[str, Digest]:
    """What governs each community that is not paused."""
    return {one: line.digest for one, line in lines.items() if not line.paused}


def _successions(
    lines: Mapping[str, InForce],
    effective: Mapping[str, Mapping[str, Any]],
    pausing: Collection[str],
) -> dict[str, Succession]:
    """What changes for whom, if these documents were put in force and these communities paused."""
    before = {one: line.digest for one, line in lines.items()}
    active = active_digests(lines)
    after = {one: digest_of(document) for one, document in sorted(effective.items())}
    changed = {
        one: Succession(digest, before.get(one))
        for one, digest in after.items()
        if active.get(one) != digest
    }
    for one in sorted(active.keys() & set(pausing) - after.keys()):
        changed[one] = Succession(before[one], before[one], paused=True)
    return changed


def _encode(state: _State) -> bytes:
    communities = {
        line.community: {
            "digest": str(line.digest),
            "previous": None if line.previous is None else str(line.previous),
            "at": stamp(line.at),
            "by": line.by,
            "reason": line.reason,
        }
        | ({"paused": True} if line.paused else {})
        for line in state.lines.values()
    }
    newest = None if state.amendment is None else str(state.amendment)
    return canonical({"schema": SCHEMA, "amendment": newest, "communities": communities}) + b"\n"


def _parse(data: bytes) -> _State:
    document = json.loads(data)
    if document["schema"] != SCHEMA:
        raise MalformedError(f"unknown schema {document['schema']!r}")
    newest = document["amendment"]
    lines = {
        community: InForce(
            community=community,
            digest=Digest.parse_tagged(line["digest"]),
            previous=None if line["previous"] is None else Digest.parse_tagged(line["previous"]),
            at=parse_stamp(line["at"]),
            by=str(line["by"]),
            reason=str(line["reason"]),
            paused=line.get("paused", False) is True,
        )
        for community, line in document["communities"].items()
    }
    return _State(lines, None if newest is None else Digest.parse_tagged(newest))
