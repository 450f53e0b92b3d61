"""The ground that an S3 tier and its writers stand on: one bucket, one prefix, one marker."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import Any

from preservation.errors import (
    MalformedError,
    NotNowError,
    SamarkandError,
    TierUnavailableError,
)
from preservation.files.tar_index import Index
from preservation.storage.layout import marker
from preservation.storage.s3.address import Address
from preservation.storage.s3.asking import Asking, Said
from preservation.storage.s3.blocks import Block, blocks
from preservation.storage.s3.failures import (
    ABSENT,
    TAKEN,
    code_of,
    etag_of,
    given,
    octets_of,
    refusals,
    s3_errors,
)
from preservation.storage.s3.listing import Listing, Object
from preservation.storage.s3.locking import Lock, Locking
from preservation.storage.s3.renewing import Renewing
from preservation.storage.steps import MARKER, PROBE

# What `tier check` calls it; without that proof a digest that comes back is only an echo.
REFUSES_WRONG = "refuses octets that do not have the SHA-256 they came with"
RANGED = "reads from the middle of an object"
SMALL = 64 << 20  # octets of a document that we keep whole in memory
_REHEARSED = 16 << 20  # octets of one object in a rehearsal, so that parts are tried


class S3Place:
    """A prefix of a bucket with a marker that says which tier it is.

    Safe to use from several threads. Every name is relative to the prefix.
    """

    def __init__(
        self,
        id: str,
        address: Address,
        environment: Mapping[str, str],
        lock: Lock | None = None,
        proven: Collection[str] = (),
    ) -> None:
        self.id = id
        self.address = address
        self.lock = lock
        self._environment = environment
        self._proven = proven
        self._ranged: bool | None = None

    @cached_property
    def client(self) -> Any:
        """The client of boto3, made when it is first needed: most work never asks it, and its start
        takes longer than many a check.
        """
        return import_module("preservation.storage.s3.sdk").client(self.address, self._keys)

    @cached_property
    def _keys(self) -> Renewing:
        keys = Renewing(self.address.credential, self._environment)
        keys()  # that there are none is told before anything is asked
        return keys

    @cached_property
    def _asking(self) -> Asking:
        where = self.address
        return Asking(lambda: self.client, where.endpoint, self._keys, where.region, where.bucket)

    def below(self, name: str) -> S3Place:
        """A place of its own inside of this one, where nothing is locked, nothing is cold, and
        an object is never large.
        """
        prefix, limit = f"{self.address.prefix}{name}/", min(self.address.object_limit, _REHEARSED)
        inner = replace(self.address, prefix=prefix, storage_class="", object_limit=limit)
        return S3Place(self.id, inner, self._environment, proven=self._proven)

    def in_class(self, name: str) -> S3Place:
        """The same place, where new objects get another storage class; empty: the default."""
        address = replace(self.address, storage_class=name)
        return S3Place(self.id, address, self._environment, self.lock, self._proven)

    def proves(self, what: str) -> bool:
        """Whether a `tier check` saw that the service does this; what nobody saw isn't so."""
        return what in self._proven

    def disproves(self, what: str) -> bool:
        """Whether there was a `tier check` that did not see the service do this."""
        return bool(self._proven) and not self.proves(what)

    @cached_property
    def locking(self) -> Locking:
        """Locks and holds."""
        return Locking(self.client, self.address.bucket, self.id)

    def protect(self, name: str) -> None:
        """Lock an object that becomes part of a replica, where the tier declares a lock.

        Raises:
            TierUnavailableError: the service does not do it; the replica can't be promised.
        """
        if self.lock is not None:
            with self.errors():
                self.locking.lock(self.address.prefix + name, self.lock)

    def can_lock(self) -> bool:
        """Whether the bucket says that its objects can be locked."""
        with self.errors():
            return self.locking.can_lock()

    def hold(self, name: str, *, on: bool) -> None:
        """Set or lift the legal hold of an object."""
        with self.errors():
            self.locking.hold(self.address.prefix + name, on=on)

    def is_held(self, name: str) -> bool:
        """Whether a legal hold lies on an object, whoever set it."""
        with self.errors():
            return self.locking.is_held(self.address.prefix + name)

    def locked_until(self, name: str) -> datetime | None:
        """When the lock of an object ends; None if it has none."""
        with self.errors():
            return self.locking.locked_until(self.address.prefix + name)

    def errors(self) -> AbstractContextManager[None]:
        """Tell failures of the service as the tier's."""
        return s3_errors(self.id, self.address)

    def about(self, name: str) -> dict[str, str]:
        """How every request names an object."""
        return {"Bucket": self.address.bucket, "Key": self.address.prefix + name}

    def check(self) -> None:
        """Raise ``TierUnavailableError`` unless the marker says this tier."""
        data = self.get(MARKER)
        if data is None:
            raise TierUnavailableError(
                f"tier {self.id} has no marker at {self.address}",
                hint="is it the right service, bucket and prefix? nothing was written or missing",
                code="TIER-NO-MARKER",
            )
        if data != marker(self.id):
            raise TierUnavailableError(
                f"tier {self.id}: the marker at {self.address} says {_shown(data)}",
                hint="does tiers.yaml name the wrong bucket or prefix?",
                code="TIER-WRONG-MARKER",
            )

    def head(self, name: str) -> Object | None:
        """What the service says of an object; None if it says that there is none."""
        with self.errors():
            try:
                said = self._asking.head(self.address.prefix + name)
            except refusals() as error:
                if code_of(error) in ABSENT:
                    return None
                raise
            if not said:
                return None
            etag, octets = etag_of(said), octets_of(said)
        class_, restore = str(said.get("StorageClass", "")), str(said.get("Restore", ""))
        return Object(name, octets, etag, class_, restore)

    def opened(self, name: str, **conditions: str) -> Said:
        """An object's octets, as boto3's ``get_object`` gives them; empty if there is none.

        Args:
            conditions: ``IfMatch``, ``Range``.

        Raises:
            ClientError, BotoCoreError: what the service says else; tell it by :meth:`errors`.
        """
        return self._asking.get(self.address.prefix + name, **conditions)

    def part(self, name: str, upload: str, number: int, block: Block, digest: str) -> Said:
        """Send a part of an object; what boto3's ``upload_part`` says of it.

        Args:
            digest: its SHA-256 as the service writes it; empty: none is sent.

        Raises:
            As :meth:`opened`.
        """
        if (pieces := block.pieces) is not None:
            return self._asking.part(self.address.prefix + name, upload, number, pieces, digest)
        more = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest} if digest else {}
        said: Said = self.client.upload_part(
            **self.about(name), UploadId=upload, PartNumber=number, Body=block.body(), **more
        )
        return said

    def begin(self, name: str, **more: str) -> str:
        """Begin an object in parts; the id of its upload.

        Args:
            more: ``StorageClass``, ``ChecksumAlgorithm``.

        Raises:
            As :meth:`opened`.
        """
        return given(self._asking.begin(self.address.prefix + name, **more), "UploadId")

    def complete(self, name: str, upload: str, parts: Sequence[Mapping[str, Any]]) -> None:
        """Join parts to an object, where nothing has the name.

        Raises:
            As :meth:`opened`.
        """
        self._asking.complete(self.address.prefix + name, upload, parts)

    def reads_ranges(self, what: Object) -> bool:
        """Whether the service reads from the middle of an object: a check saw it, or it is tried
        now, once, with this object. What it gives then is compared as everything is.
        """
        if self._ranged is None:
            self._ranged = self.proves(RANGED) or self._gives_one_octet(what)
        return bool(self._ranged)

    def _gives_one_octet(self, what: Object) -> bool | None:
        """None where it gives nothing now: whoever reads on meets the same, and tells it."""
        try:
            with self.errors():
                said = self.opened(what.name, IfMatch=what.etag, Range="bytes=1-1")
                is_one = bool(said) and octets_of(said) == 1
        except NotNowError:
            return None
        if not said:
            return None
        said["Body"].close()
        return is_one and said.get("ContentRange") == f"bytes 1-1/{what.octets}"

    def get(self, name: str) -> bytes | None:
        """A small document; None if there is none.

        Raises:
            MalformedError: it is larger than any document of ours.
        """
        with self.errors():
            try:
                said = self.opened(name)
            except refusals() as error:
                if code_of(error) in ABSENT:
                    return None
                raise
            if not said:
                return None
            with said["Body"] as body:
                etag_of(said)
                octets = octets_of(said)
                data = bytes(body.read(min(octets, SMALL) + 1))
                if octets <= SMALL and len(data) != octets:
                    raise ConnectionResetError  # what boto3 reads may end anywhere
        if octets > SMALL:
            raise MalformedError(f"tier {self.id}: {name!r} is too large for a document")
        return data

    def create(self, name: str, data: bytes) -> bool:
        """Put a document where there is none; False if there is one, which stays.

        A service that ignores conditions is asked first, and the lease of whoever writes keeps
        others away.
        """
        if self.head(name) is not None:
            return False
        with self.errors():
            try:
                etag_of(self._put(name, data, IfNoneMatch="*"))
            except refusals() as error:
                if code_of(error) in TAKEN:
                    return False
                raise
        return True

    def replace(self, name: str, data: bytes) -> None:
        """Put a document, whatever was there."""
        with self.errors():
            etag_of(self._put(name, data))

    def _put(self, name: str, data: bytes, **conditions: str) -> Said:
        return self._asking.put(self.address.prefix + name, [data], _digest(data), **conditions)

    def put_block(self, name: str, block: Block, **conditions: str) -> None:
        """Send an object that is one block, in one request.

        Args:
            conditions: ``IfNoneMatch``, ``StorageClass``.

        Raises:
            As :meth:`opened`.
        """
        digest = block.sha256()
        if (pieces := block.pieces) is not None:
            self._asking.put(self.address.prefix + name, pieces, digest, **conditions)
            return
        more = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest, **conditions}
        self.client.put_object(**self.about(name), Body=block.body(), **more)

    def put(self, name: str, index: Index) -> None:
        """Put an index, whatever was there; in the default class, under no lock of ours."""
        with self.errors():
            self.put_block(name, next(blocks(index.chunks(), max(index.octets, 1))))

    def clear(self, prefix: str) -> None:
        """Remove everything whose name begins so, parts of uploads too. Only for a probe's room.

        Raises:
            TierUnavailableError: the service, or the right to remove, is in the way.
        """
        if not prefix.startswith(PROBE):
            raise SamarkandError(f"tier {self.id}: {prefix!r} is not a probe's: not removed")
        with self.errors():
            for one in [*self.list(prefix)]:
                self.client.delete_object(**self.about(one.name))
            for name, id_ in [*self.uploads(prefix)]:
                self.client.abort_multipart_upload(**self.about(name), UploadId=id_)

    @cached_property
    def listing(self) -> Listing:
        """What there is, as the service lists it."""
        return Listing(self._asking, lambda: self.client, self.address, self.errors)

    def list(self, prefix: str = "") -> Iterator[Object]:
        """Every object whose name begins so, by name. A listing that fails raises."""
        return self.listing.objects(prefix)

    def uploads(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Name and id of uploads that were begun and not completed; none where nobody can say."""
        return self.listing.uploads(prefix)


def _shown(data: bytes) -> str:
    try:
        return repr(json.loads(data[:200]))
    except ValueError:
        return "something else"


def _digest(data: bytes) -> str:
    """As a service writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
