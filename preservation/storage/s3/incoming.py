"""A replica being written to an S3 tier.

An object has no rename and no exchange, so each writer gives its object a name that nothing has
yet, ``v<n>.tar`` or ``v<n>.r<k>.tar``, and the sidecar, put last, says which name is current.
What a crash leaves:

1. parts of an upload, of the tar   the next writer of the version goes on from them
2. an object that no sidecar names  not a replica; a reconcile finds it
3. the sidecar                      a replica; after a swap, the former object under its old name
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from preservation.errors import (
    BusyError,
    MalformedError,
    NotNowError,
    SamarkandError,
    TierUnavailableError,
)
from preservation.files.held import Held
from preservation.model.replica import Packaging, Sidecar, VersionKey
from preservation.storage.layout import check_stamp
from preservation.storage.s3.parts import Sending, free_name, held_objects, whole
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.upload import OtherOctetsError
from preservation.storage.tier import LargerError


class S3Incoming:
    """Implements ``storage.tier.Incoming`` for a tar in a bucket."""

    def __init__(self, place: S3Place, key: VersionKey, octets: int) -> None:
        self._place = place
        self._key = key
        self._name = _free_name(place, key, octets)
        self._sending = Sending(place, self._name, octets)
        self._written = False
        self._visible = False
        self._keep_parts = False

    @property
    def folder(self) -> Path:
        raise SamarkandError(f"{self._key}: a tar is written as a stream")

    def write(self, chunks: Iterable[bytes]) -> None:
        try:
            self._sending.write(chunks)
            self._written = True
        except (LargerError, OtherOctetsError):
            raise
        except TierUnavailableError:
            self._keep_parts = True
            raise

    def settle(self) -> None:
        """Nothing to do: the service answered that it has the octets."""

    def held(self) -> Held:
        self._expect_written()
        return held_objects(self._place, self._sending.sent, self._key.index)

    def commit(self, sidecar: Sidecar) -> None:
        self._expect(sidecar)
        self._place.check()
        data = self._named(sidecar).encode()
        self._protect()
        self._visible = True  # or may be, from here on: a reply can be lost
        created = self._place.create(self._key.sidecar, data)
        # One whose reply was lost is ours all the same.
        if not created and self._place.get(self._key.sidecar) != data:
            self._visible = False
            raise BusyError(
                f"tier {self._place.id} holds a replica of {self._key} already",
                hint="nothing was changed; an audit tells whether that replica is intact",
                code="TIER-OCCUPIED",
            )
        self._place.protect(self._key.sidecar)

    def swap(self, sidecar: Sidecar, stamp: str) -> str:
        self._expect(sidecar)
        check_stamp(stamp)
        self._place.check()
        former = former_sidecar(self._place, self._key)
        replaced = former.replaced if former else ()
        if any(used == stamp for used, _ in replaced):
            raise BusyError(f"tier {self._place.id}: {stamp!r} has been used for {self._key.aip}")
        name = object_name(self._key, former)
        left = name if name != self._name and whole(self._place, name) else ""
        if left:
            replaced = (*replaced, (stamp, left.rpartition("/")[2]))
        data = replace(self._named(sidecar), replaced=replaced).encode()
        self._protect()
        self._visible = True  # or may be, from here on: a reply can be lost
        self._place.replace(self._key.sidecar, data)
        self._place.protect(self._key.sidecar)
        return left

    def mend(self, sidecar: Sidecar, stamp: str, strangers: Sequence[bytes]) -> str:
        del strangers
        raise SamarkandError(f"{sidecar.key}: {stamp}: only a folder is mended in its place")

    def set_aside(self, stamp: str) -> str:
        raise SamarkandError(f"{self._key}: {stamp}: only a folder that was built is set aside")

    def discard(self) -> None:
        """Remove what was written and never became visible.

        Where the service is in the way it stays: it is no replica, a reconcile tells of it, and
        the reason why it is discarded matters more.
        """
        if self._visible:
            return
        with suppress(NotNowError):
            if not self._keep_parts:
                self._sending.abort()
            if self._written or not self._keep_parts:
                self._remove()
        self._written = False

    def _remove(self) -> None:
        """Take away objects that no sidecar names."""
        if self._sending.sent and not self._is_named():
            with self._place.errors():
                for one in self._sending.sent:
                    self._place.client.delete_object(**self._place.about(one.name))
        self._sending.sent.clear()

    def _protect(self) -> None:
        """Lock what was written, before a sidecar makes it a replica."""
        if self._place.lock is not None:
            for one in self._sending.sent:
                self._place.protect(one.name)

    def _is_named(self) -> bool:
        """Whether a sidecar names the object all the same, or can't be asked: another writer
        may have come after a lease ran out, and found the object there.
        """
        data = self._place.get(self._key.sidecar)
        try:
            sidecar = None if data is None else Sidecar.decode(data)
        except MalformedError:
            return True
        return sidecar is not None and object_name(self._key, sidecar) == self._name

    def _expect_written(self) -> None:
        if not self._written:
            raise SamarkandError(f"{self._key}: nothing was written yet")

    def _named(self, sidecar: Sidecar) -> Sidecar:
        """The sidecar, with the tar's name where it is not the plain one, and its parts' size."""
        self._expect_written()
        plain = self._key.place(Packaging.TAR)
        name = "" if self._name == plain else self._name.rpartition("/")[2]
        return replace(sidecar, object=name, part_octets=self._sending.part_octets)

    def _expect(self, sidecar: Sidecar) -> None:
        if sidecar.key != self._key or sidecar.packaging is not Packaging.TAR:
            raise SamarkandError(f"a sidecar of {sidecar.key} for {self._key}")


def former_sidecar(place: S3Place, key: VersionKey) -> Sidecar | None:
    """The sidecar that is there, if it can be read as one."""
    data = place.get(key.sidecar)
    try:
        return None if data is None else Sidecar.decode(data)
    except MalformedError:
        return None


def object_name(key: VersionKey, sidecar: Sidecar | None) -> str:
    """The name of a replica's object: as its sidecar says, or the plain one."""
    if sidecar is not None and sidecar.object:
        return f"{key.folder}/{sidecar.object}"
    return key.place(Packaging.TAR)


def _free_name(place: S3Place, key: VersionKey, octets: int) -> str:
    former = former_sidecar(place, key)
    kept = {object_name(key, former)} if former else set()
    kept |= {f"{key.folder}/{name}" for _, name in former.replaced} if former else set()
    again = (f"{key.folder}/v{key.version}.r{number}.tar" for number in itertools.count(1))
    names = itertools.chain([key.place(Packaging.TAR)], again)
    return free_name(place, f"{key.folder}/v{key.version}.", names, kept, octets)
