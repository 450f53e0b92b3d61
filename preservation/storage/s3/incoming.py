"""A replica being written to an S3 tier.

An object has no rename and no exchange, so each writer gives its object a name that nothing has
yet, ``v<n>.tar`` or ``v<n>.r<k>.tar``, and the sidecar, put last, says which name is current.
What a crash leaves:

1. parts of an upload, of the tar   the next writer of the version goes on from them
2. an object that no sidecar names  not a replica; a reconcile finds it
3. the sidecar                      a replica; after a swap, the former object under its old name

Of a tar in parts that is replaced, parts that are what they should be stay where they are, and the
new sidecar names them beside the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
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
from preservation.storage.s3.listing import Object
from preservation.storage.s3.named import Named, current, former_sidecar, replaced, tars_of
from preservation.storage.s3.parts import Sending, free_name, held_objects, number_of, whole
from preservation.storage.s3.place import S3Place
from preservation.storage.s3.upload import OtherOctetsError
from preservation.storage.tier import LargerError


class S3Incoming:
    """Implements ``storage.tier.Incoming`` for a tar in a bucket.

    Args:
        octets: about how many will come, as announced.
        replacing: a replica, of which sound parts are kept.
    """

    def __init__(
        self, place: S3Place, key: VersionKey, octets: int, *, replacing: bool = False
    ) -> None:
        self._place = place
        self._key = key
        former = former_sidecar(place, key)
        self._former = current(key, former)
        self._name = _free_name(place, key, former, octets)
        parts = _parts(place, key, former, octets) if replacing else {}
        self._sending = Sending(place, self._name, octets, parts)
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
        before = former.replaced if former else ()
        if any(used == stamp for used, _ in before):
            raise BusyError(f"tier {self._place.id}: {stamp!r} has been used for {self._key.aip}")
        tar = current(self._key, former)
        left = [(stamp, one.rpartition("/")[2]) for one in self._left(tar)]
        now = replace(self._mended(sidecar, tar), replaced=(*before, *left))
        self._protect()
        self._visible = True  # or may be, from here on: a reply can be lost
        self._place.replace(self._key.sidecar, now.encode())
        self._place.protect(self._key.sidecar)
        found = replaced(self._key, now, stamp)
        return "" if found is None else found.place

    def _left(self, tar: Named) -> list[str]:
        """The objects that are the replica's no more once the sidecar says so: of a tar in parts
        its name, and the parts that lie under another one.
        """
        if self._sending.kept:
            gone = (tar.part(number) for number in self._sending.new)
            return [name for name in gone if self._place.head(name) is not None]
        if tar.name == self._name or not whole(self._place, tar):
            return []
        return [tar.name, *tar.elsewhere.values()]

    def _mended(self, sidecar: Sidecar, tar: Named) -> Sidecar:
        """The sidecar of the tar that is there, with new parts in it; or of one that is all new."""
        if not self._sending.kept:
            return self._named(sidecar)
        if tar != self._former:
            raise BusyError(f"tier {self._place.id}: {self._key} was replaced meanwhile")
        plain = self._key.place(Packaging.TAR)
        parts = {**tar.elsewhere, **{n: one.name for n, one in self._sending.new.items()}}
        return replace(
            sidecar,
            object="" if tar.name == plain else tar.name.rpartition("/")[2],
            part_octets=self._sending.part_octets,
            exchanged=tuple((n, parts[n].rpartition("/")[2]) for n in sorted(parts)),
        )

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
        """Take away objects that no sidecar names; parts that were kept are a replica's."""
        new = self._sending.new
        if new and not self._is_named():
            with self._place.errors():
                for one in new.values():
                    self._place.client.delete_object(**self._place.about(one.name))
        self._sending.sent.clear()

    def _protect(self) -> None:
        """Lock what was written, before a sidecar makes it a replica."""
        if self._place.lock is not None:
            for one in self._sending.new.values():
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
        return self._name in tars_of(self._key, sidecar)

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


def _free_name(place: S3Place, key: VersionKey, former: Sidecar | None, octets: int) -> str:
    again = (f"{key.folder}/v{key.version}.r{number}.tar" for number in itertools.count(1))
    names = itertools.chain([key.place(Packaging.TAR)], again)
    return free_name(place, f"{key.folder}/v{key.version}.", names, tars_of(key, former), octets)


def _parts(
    place: S3Place, key: VersionKey, former: Sidecar | None, octets: int
) -> Mapping[int, Object]:
    """By number, the parts of a tar that may be sound: those of the size that they should have.
    None where more lie there than the tar has: all of it gets another name then.
    """
    limit = place.address.object_limit
    if former is None or former.tar is None or former.tar.octets != octets:
        return {}
    if former.part_octets != limit:
        return {}
    tar, count = current(key, former), -(-octets // limit)
    listed = (number_of(tar.name, one.name) for one in place.list(tar.name))
    if max(listed, default=0) > count or place.head(tar.part(count + 1)) is not None:
        return {}
    sizes = {n: min(limit, octets - (n - 1) * limit) for n in range(1, count + 1)}
    found = {n: place.head(tar.part(n)) for n in sizes}
    return {n: one for n, one in found.items() if one is not None and one.octets == sizes[n]}
