"""The store of effective policies: ``<home>/policies/``, the truth about what governs.

    objects/<sha256-hex>.json   one effective policy each, canonical JSON, never rewritten
    in-force.json               which one governs each community: since when, by whom, why
    .lock                       held while a change is put in force

Objects are written before the file that names them, and that file is replaced in one step: a
crash leaves what was in force in force, and at most objects that nobody names.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from preservation.files import durable
from preservation.ledger.protocol import InForce
from preservation.model.canonical import canonical, digest_of
from preservation.model.clock import parse_stamp, stamp
from preservation.model.digest import Algorithm, Digest
from preservation.policy import compare
from preservation.policy.check import Checked
from preservation.policy.effective import SCHEMA as POLICY_SCHEMA
from preservation.policy.policy import Policy

SCHEMA = "samarkand.in-force/1"


class PolicyFiles:
    """The store in a folder. A policy is read once; its digest is its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects = folder / "objects"
        self._lines = folder / "in-force.json"
        self._read: dict[Digest, Policy] = {}

    def in_force(self) -> Mapping[str, InForce]:
        try:
            with durable.plain_errors(self._lines):
                data = self._lines.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            return _parse(data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{self._lines} cannot be read: {error}",
                hint="put back the copy of your last backup; the objects it names are still there",
                code="POL-IN-FORCE-CORRUPT",
            ) from error

    def policy(self, digest: Digest) -> Policy:
        if digest not in self._read:
            self._read[digest] = self._load(digest)
        return self._read[digest]

    def governing(self, community: str) -> Policy:
        line = self.in_force().get(community)
        if line is None:
            raise UsageError(
                f"no policy is in force for {community!r}",
                hint="run `preserve policy apply`",
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
    ) -> list[InForce]:
        for community, document in effective.items():
            if Policy.from_effective(document).community != community:
                raise SamarkandError(f"the policy of {community!r} names another community")
        with self._locked():
            now = dict(self.in_force())
            before = {one: line.digest for one, line in now.items()}
            if before != dict(expected):
                raise BusyError(
                    "the policies in force changed since this plan was made",
                    hint="run `preserve policy plan` again",
                    code="POL-STALE",
                )
            after = {one: digest_of(document) for one, document in sorted(effective.items())}
            changed = [
                InForce(one, digest, before.get(one), at, by, reason)
                for one, digest in after.items()
                if before.get(one) != digest
            ]
            for line in changed:
                self._keep(line.digest, canonical(effective[line.community]))
            if changed:
                now |= {line.community: line for line in changed}
                durable.replace(self._lines, _encode(now))
            return changed

    def _path(self, digest: Digest) -> Path:
        return self._objects / f"{digest.hex}.json"

    def _load(self, digest: Digest) -> Policy:
        path = self._path(digest)
        try:
            with durable.plain_errors(path):
                data = path.read_bytes()
        except FileNotFoundError as error:
            raise UsageError(
                f"the policy {digest} is not in the store",
                hint=f"put {path.name} back from a backup into {self._objects}",
                code="POL-OBJECT-MISSING",
            ) from error
        if digest.algorithm is not Algorithm.SHA256 or _sha256(data) != digest:
            raise _corrupt(path)
        document = json.loads(data)
        if document["schema"] != POLICY_SCHEMA:
            raise UsageError(
                f"{path} is a {document['schema']!r}, which this version cannot read",
                hint="use the version of Samarkand that wrote it, or a later one",
                code="POL-OBJECT-SCHEMA",
            )
        return Policy.from_effective(document)

    def _keep(self, digest: Digest, data: bytes) -> None:
        """Write an object; one that is there already must be this one."""
        self._objects.mkdir(exist_ok=True)
        path = self._path(digest)
        try:
            durable.write_new(path, data)
        except FileExistsError as error:
            if path.read_bytes() != data:
                raise _corrupt(path) from error
        durable.fsync_dir(self._folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with durable.plain_errors(self._folder):
                fd = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            raise HomeNotFoundError(
                f"there is no folder {self._folder}",
                hint="name a home with --home, or make one with `preserve init`",
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise BusyError(
                "another change of policies is being put in force",
                hint="run `preserve policy plan` again when it is done",
                code="POL-BUSY",
            ) from error
        try:
            yield
        finally:
            os.close(fd)


def edited(store: PolicyFiles, checked: Checked) -> list[str]:
    """Communities whose files say something else than what is in force: see
    ``preservation.policy.compare.edited``.
    """
    return compare.edited({one: line.digest for one, line in store.in_force().items()}, checked)


def _corrupt(path: Path) -> UsageError:
    return UsageError(
        f"{path} does not have the bytes that its name says",
        hint="put the file back from a backup; nothing was done under this policy",
        code="POL-OBJECT-CORRUPT",
    )


def _sha256(data: bytes) -> Digest:
    return Digest(Algorithm.SHA256, hashlib.sha256(data).digest())


def _encode(lines: Mapping[str, InForce]) -> bytes:
    communities = {
        line.community: {
            "digest": str(line.digest),
            "previous": None if line.previous is None else str(line.previous),
            "at": stamp(line.at),
            "by": line.by,
            "reason": line.reason,
        }
        for line in lines.values()
    }
    return canonical({"schema": SCHEMA, "communities": communities}) + b"\n"


def _parse(data: bytes) -> dict[str, InForce]:
    document = json.loads(data)
    if document["schema"] != SCHEMA:
        raise MalformedError(f"unknown schema {document['schema']!r}")
    return {
        community: InForce(
            community=community,
            digest=Digest.parse_tagged(line["digest"]),
            previous=None if line["previous"] is None else Digest.parse_tagged(line["previous"]),
            at=parse_stamp(line["at"]),
            by=str(line["by"]),
            reason=str(line["reason"]),
        )
        for community, line in document["communities"].items()
    }
