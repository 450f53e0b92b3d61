"""Documents that are kept for ever under the SHA-256 of their bytes, in a folder for each kind.

Source: ``docs/formats/policies.md``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from preservation.errors import UsageError
from preservation.files import durable
from preservation.model.digest import Algorithm, Digest

_SHORTEST = 6  # hexadecimal digits that name a document
_KINDS = {"objects": "the policy", "plans": "the plan", "history": "the amendment"}


class Documents:
    """The documents of one store of policies: ``objects/``, ``plans/``, ``history/``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, kind: str, digest: Digest) -> Path:
        """Where a document is, or would be."""
        return self._folder / kind / f"{digest.hex}.json"

    def keep(self, kind: str, data: bytes) -> Digest:
        """Write a document under its digest; one that is there already must be this one."""
        digest = _sha256(data)
        path = self.path(kind, digest)
        path.parent.mkdir(exist_ok=True)
        try:
            durable.write_new(path, data)
        except FileExistsError as error:
            if path.read_bytes() != data:
                raise _corrupt(path) from error
        durable.fsync_dir(self._folder)
        return digest

    def read(self, kind: str, digest: Digest) -> Any:
        """A kept document, its bytes compared with its name.

        Raises:
            UsageError: it is missing, or has other bytes (``POL-OBJECT-MISSING``,
                ``POL-OBJECT-CORRUPT``).
        """
        path = self.path(kind, digest)
        try:
            with durable.plain_errors(path):
                data = path.read_bytes()
        except FileNotFoundError as error:
            raise UsageError(
                f"{_KINDS[kind]} {digest} is not in the store",
                hint=f"put {path.name} back from a backup into {path.parent}",
                code="POL-OBJECT-MISSING",
            ) from error
        if digest.algorithm is not Algorithm.SHA256 or _sha256(data) != digest:
            raise _corrupt(path)
        return json.loads(data)

    def any(self, digest: Digest) -> Any:
        """A document of whichever kind."""
        kind = next((one for one in _KINDS if self.path(one, digest).exists()), "objects")
        return self.read(kind, digest)

    def find(self, text: str) -> Digest:
        """The one document whose digest begins so.

        Raises:
            UsageError: there is none, or there are several (``POL-UNKNOWN-DIGEST``).
        """
        wanted = text.removeprefix("sha256:").lower()
        names = {path.stem for kind in _KINDS for path in (self._folder / kind).glob("*.json")}
        long_enough = len(wanted) >= _SHORTEST
        found = sorted(name for name in names if long_enough and name.startswith(wanted))
        if len(found) != 1:
            what = "several documents begin" if found else "no policy, plan or amendment begins"
            raise UsageError(
                f"{what} with {text!r}",
                hint=f"give a community, or at least {_SHORTEST} digits of a digest: "
                "`preserve policy history` shows them",
                code="POL-UNKNOWN-DIGEST",
            )
        return Digest.parse(Algorithm.SHA256, found[0])


def _corrupt(path: Path) -> UsageError:
    return UsageError(
        f"{path} does not have the bytes that its name says",
        hint="put the file back from a backup; nothing was done under this policy",
        code="POL-OBJECT-CORRUPT",
    )


def _sha256(data: bytes) -> Digest:
    return Digest(Algorithm.SHA256, hashlib.sha256(data).digest())
