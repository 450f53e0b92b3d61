"""A tier in an S3 bucket: tars only, no payload name ever becomes a key.

Source: ``docs/formats/tier.md``, "In a bucket".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module

from preservation.errors import (
    MalformedError,
    NotNowError,
    TierUnavailableError,
    UsageError,
)
from preservation.files.held import Held, HeldPart, HeldParts, HeldTar
from preservation.files.tar_index import Index
from preservation.fixity.rate import RateLimit
from preservation.model.finding import Finding
from preservation.model.names import display
from preservation.model.replica import Packaging, Sidecar, VersionKey, check_id
from preservation.policy.policy import TierSpec
from preservation.storage.layout import (
    check_kept_name,
    documents,
    kept_differs,
    marker,
    no_rehearsal,
    other_tier,
)
from preservation.storage.leftovers import Leftover, of_name
from preservation.storage.listing import Lying, aip_folder, grouped, strange
from preservation.storage.local_listing import is_community
from preservation.storage.proof import Proof
from preservation.storage.recall import Recall
from preservation.storage.s3 import holding, removing
from preservation.storage.s3.address import Address
from preservation.storage.s3.incoming import S3Incoming
from preservation.storage.s3.listing import Object
from preservation.storage.s3.named import Named, current, number_at_end, replaced
from preservation.storage.s3.parts import held_objects, number_of, whole
from preservation.storage.s3.place import S3Place
from preservation.storage.steps import KEPT, KEPT_NAME, MARKER, PROBE, TIER_DOCUMENTS
from preservation.storage.tier import Incoming, Observed, Removed, Tier

_SIDECAR = re.compile(
    r"([a-z0-9-]+)/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f-]{36})/v([1-9][0-9]{0,8})\.seal\.json"
)


def make_s3_tier(spec: TierSpec, environment: Mapping[str, str]) -> None:
    """Make a prefix of a bucket a tier: how to read it without us, the marker last.

    Doing it again for the same tier is no error and mends what is missing.

    Raises:
        UsageError: the prefix is another tier (``TIER-OTHER``) or holds other things
            (``TIER-NOT-EMPTY``).
        TierUnavailableError: the service is in the way.
    """
    check_id(spec.id, "tier")
    place = S3Place(spec.id, Address.of(spec), environment)
    found = place.get(MARKER)
    if found is None:
        stranger = next((one.name for one in place.list() if one.name not in TIER_DOCUMENTS), "")
        if stranger:
            raise UsageError(
                f"{place.address} isn't empty and has no marker: {stranger!r} is in it",
                hint="give the tier a prefix of its own; if this was a tier, put its marker back",
                code="TIER-NOT-EMPTY",
            )
    elif found != marker(place.id):
        raise other_tier(str(place.address))
    for name, document in documents():
        if place.get(name) != document:
            place.replace(name, document)
    if found is None:
        place.create(MARKER, marker(place.id))
        place.check()


class S3Tier:
    """Implements ``storage.tier.Tier``. Safe to use from several threads and processes, with
    one writer per version: the lease is the caller's.
    """

    def __init__(self, place: S3Place, rate: RateLimit | None = None) -> None:
        self._place = place
        self._rate = rate
        self._checked = False

    @property
    def id(self) -> str:
        return self._place.id

    @property
    def rate(self) -> RateLimit | None:
        return self._rate

    def check(self) -> None:
        self._place.check()
        self._checked = True

    @property
    def packagings(self) -> tuple[Packaging, ...]:
        return (Packaging.TAR,)

    def prove(self) -> Iterator[Proof]:
        self.check()
        proving = import_module("preservation.storage.s3.proving")  # no other work needs it
        yield from proving.prove(self._place)

    @contextmanager
    def rehearsal(self, name: str = "") -> Iterator[Tier]:
        self.check()
        room = f"{PROBE}{name or os.urandom(8).hex()}"
        inner = self._place.below(room)
        if name:
            self._place.clear(f"{room}/")
        try:
            inner.create(MARKER, marker(self.id))
            yield S3Tier(inner)
        finally:
            with suppress(NotNowError):  # what stays is told by `unfinished`
                self._place.clear(f"{room}/")

    def spoil(self, key: VersionKey, data: bytes) -> None:
        if not self._place.address.prefix.rstrip("/").rpartition("/")[2].startswith(PROBE):
            raise no_rehearsal(self.id)
        self._place.replace(self._current(key).name, data)

    def observe(self) -> Observed:
        self._ensure()
        with self._place.errors():
            said = self._place.client.head_bucket(Bucket=self._place.address.bucket)
        server = said["ResponseMetadata"]["HTTPHeaders"].get("server", "")
        return Observed(
            failure_domain=f"server {self._place.address.host}",
            technology=f"S3 ({server})" if server else "S3",
            cache_bypassed=True,
            free_octets=None,
        )

    def incoming(
        self,
        key: VersionKey,
        packaging: Packaging,
        octets: int = 0,
        *,
        replacing: bool = False,
    ) -> Incoming:
        self._ensure()
        if packaging is not Packaging.TAR:
            raise UsageError(
                f"tier {self.id} keeps tars only",
                hint="write packaging: tar for it in the community's policy",
                code="TIER-TARS-ONLY",
            )
        return S3Incoming(self._place, key, octets, replacing=replacing)

    def sidecar(self, key: VersionKey) -> Sidecar | None:
        self._ensure()
        data = self._place.get(key.sidecar)
        if data is None:
            self.check()  # it may have gone away, and with it everything
            return None
        return self._read(key, data)

    def exists(self, key: VersionKey, packaging: Packaging) -> bool:
        self._ensure()
        if packaging is not Packaging.TAR:
            return False
        tar = self._current(key)
        first = (tar.name, tar.part(1))  # later parts alone are none: nothing begins there
        if any(self._place.head(each) for each in first):
            return True
        if any(one.name in first for each in first for one in self._place.list(each)):
            return True
        self.check()
        return False

    def held(self, key: VersionKey, packaging: Packaging) -> Held:
        self._ensure()
        tar = self._current(key) if packaging is Packaging.TAR else None
        return self._held_at(tar, key.index)

    def keep_index(self, key: VersionKey, index: Index) -> None:
        self._ensure()
        self._place.put(key.index, index)

    def recall(self, key: VersionKey) -> Recall | None:  # noqa: ARG002 (of the protocol)
        """Nothing here is cold."""
        return None

    def guarded(self, key: VersionKey) -> bool | None:
        if self._place.lock is None:
            return None
        self._ensure()
        now = self._place.lock.clock.now()
        ends = [self._place.locked_until(name) for name in (*self._names(key), key.sidecar)]
        return bool(ends) and all(end is not None and end > now for end in ends)

    def guard(self, key: VersionKey) -> None:
        self._ensure()
        for name in (*self._names(key), key.sidecar):
            self._place.protect(name)

    def hold(self, key: VersionKey, *, on: bool) -> bool:
        self._ensure()
        if not self._place.can_lock():
            return False
        if on:  # of what is being removed, the sidecar is gone
            sidecar = [key.sidecar] if self._place.get(key.sidecar) is not None else []
            holding.hold(self._place, key, [*self._names(key), *sidecar])
        else:
            holding.lift(self._place, key)
        return True

    def _names(self, key: VersionKey) -> list[str]:
        """The objects that are the replica's octets: those that a listing shows, which may be
        late, and those that are there when they are asked for.
        """
        tar = self._current(key)
        listed = [one.name for one in self._place.list(tar.name)]
        own = {name for name in listed if name == tar.name or number_of(tar.name, name)}
        there = {name for name in own if number_of(tar.name, name) not in tar.elsewhere}
        return sorted(there | {one.name for one in whole(self._place, tar)})

    def quarantined(self, key: VersionKey, packaging: Packaging, stamp: str) -> str:
        sidecar = self.sidecar(key) if packaging is Packaging.TAR else None
        found = None if sidecar is None else replaced(key, sidecar, stamp)
        return "" if found is None else found.place

    def held_in_quarantine(
        self, key: VersionKey, packaging: Packaging, stamp: str
    ) -> Held | HeldParts:
        sidecar = self.sidecar(key) if packaging is Packaging.TAR else None
        found = None if sidecar is None else replaced(key, sidecar, stamp)
        if sidecar is None or found is None or found.tar is not None:
            return self._held_at(found.tar if found is not None else None)
        return HeldParts(tuple(self._part(sidecar, name) for name in found.parts))

    def _part(self, sidecar: Sidecar, name: str) -> HeldPart:
        """A part by itself, and which octets of the tar it should be."""
        octets = sidecar.tar.octets if sidecar.tar is not None else 0
        offset = (number_at_end(name) - 1) * sidecar.part_octets
        length = min(sidecar.part_octets, octets - offset)
        return HeldPart(name.rpartition("/")[2], offset, length, self._held_at(Named(name)))

    def clear_unfinished(self, key: VersionKey) -> None:  # noqa: ARG002 (of the protocol)
        """Nothing to do: a writer never takes a name that something has."""
        self._ensure()

    def sidecars(self) -> Iterator[Sidecar | Finding]:
        self.check()
        for one in self._place.list():
            found = _SIDECAR.fullmatch(one.name)
            if found is None:
                continue
            try:
                key = VersionKey(found[1], found[4], int(found[5]))
                data = self._place.get(one.name)
                if data is not None:
                    yield self._read(key, data)
            except MalformedError as error:
                yield Finding(
                    "TIER-SIDECAR",
                    f"{self.id}:{one.name}",
                    f"the sidecar can't be read: {error.message}",
                    "audit that replica; a repair writes its sidecar anew",
                )

    def communities(self) -> Iterator[str]:
        self.check()
        yield from sorted(self._top()[0])

    def lying(self, community: str, aip: str = "") -> Iterator[Lying]:
        self.check()
        folder = aip_folder(community, aip) if aip else community
        yield from grouped((one.name, one.octets) for one in self._place.list(f"{folder}/"))

    def unfinished(self) -> Iterator[str]:
        self.check()
        for name, _ in self._place.uploads():
            yield f"{name}: an upload under way, or left by a crash"
        for name in sorted(self._top()[1]):
            yield f"{display(os.fsencode(name))}: {strange(name)}"

    def _top(self) -> tuple[set[str], set[str]]:
        """Folders of communities, and what else there is at the top and is not ours."""
        parted = (name.partition("/") for name in self._place.listing.top())
        there = {(first, bool(more)) for first, more, _ in parted if first}
        folders = {name for name, is_folder in there if is_folder and is_community(name)}
        others = {name for name, is_folder in there if not (is_folder and name in folders)}
        return folders, others - {KEPT, MARKER, *TIER_DOCUMENTS}

    def tombstone(self, key: VersionKey, data: bytes) -> None:
        self._ensure()
        removing.tombstone(self._place, key, data)

    def tombstoned(self, key: VersionKey) -> bytes | None:
        self._ensure()
        return self._place.get(key.tombstone)

    def remains(self, key: VersionKey) -> tuple[str, ...]:
        return removing.remains(self._place, key)

    def remove(self, key: VersionKey) -> Removed:
        return removing.remove(self._place, key)

    def leftovers(self) -> Iterator[Leftover]:
        """Rooms of rehearsals. Parts of an upload stay: the next writer goes on from them."""
        self._ensure()
        for name in self._place.listing.top():
            if name.startswith(PROBE) and (
                found := of_name(name.rstrip("/"), self._place.listing.touched(name))
            ):
                yield found

    def remove_leftover(self, name: str) -> None:
        self._ensure()
        self._place.clear(f"{name}/")

    def keep(self, name: str, data: bytes) -> None:
        self._ensure()
        check_kept_name(name)
        path = f"{KEPT}/{name}"
        if not self._place.create(path, data) and self._place.get(path) != data:
            raise kept_differs(self.id, name)

    def kept(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for name in self.kept_names(prefix):
            data = self._place.get(f"{KEPT}/{name}")
            if data is not None:
                yield name, data

    def kept_names(self, prefix: str) -> Iterator[str]:
        self._ensure()
        skip = len(KEPT) + 1
        for one in self._place.list(f"{KEPT}/{prefix}"):
            if KEPT_NAME.fullmatch(one.name[skip:]):
                yield one.name[skip:]

    def _ensure(self) -> None:
        """Look at the marker once; whatever is told to be missing is told after another look."""
        if not self._checked:
            self.check()

    def _read(self, key: VersionKey, data: bytes) -> Sidecar:
        sidecar = Sidecar.decode(data)
        if sidecar.key != key:
            raise MalformedError(f"sidecar {key.sidecar!r} speaks of {sidecar.key}")
        return sidecar

    def _current(self, key: VersionKey) -> Named:
        """The objects that are the replica; under the plain name if no sidecar can say."""
        data = self._place.get(key.sidecar)
        try:
            return current(key, None if data is None else self._read(key, data))
        except MalformedError:
            return current(key, None)

    def _held_at(self, tar: Named | None, index: str = "") -> HeldTar:
        found = whole(self._place, tar) if tar is not None else []
        if tar is None or not found:
            raise TierUnavailableError(
                f"tier {self.id}: there is no {'folder' if tar is None else tar.name!r}",
                hint="an audit tells what is there",
                code="TIER-IO",
            )
        recalled = [self._expect_readable(one) for one in found]
        held = held_objects(self._place, found, index)
        return replace(
            held,
            recalled=any(recalled),
            index=held.index if index else None,
            strangers=self._strangers(tar.name, found),
        )

    def _strangers(self, name: str, parts: Sequence[Object]) -> tuple[str, ...]:
        """Parts that are listed behind a gap: none of the tar's, and `cat` would join them."""
        if parts[0].name == name:
            return ()
        listed = (one.name for one in self._place.list(name))
        return tuple(sorted(one for one in listed if number_of(name, one) > len(parts)))

    def _expect_readable(self, what: Object) -> bool:  # noqa: ARG002 (cold tiers look at it)
        """Whether what is read is a copy that was recalled.

        Raises:
            ColdError: it has to be recalled first.
        """
        return False
