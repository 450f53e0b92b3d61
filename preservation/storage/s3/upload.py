"""Writes one object from a stream: in parts, several under way at once, taken up again where a
killed writer left off.

The stream is the same each time (``samarkand-tar-1`` is made of rules alone), so a part that
the service already has, with the same digest, need not be sent again.

Source: Amazon S3 API Reference, CreateMultipartUpload, UploadPart, ListParts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from typing import Any

from preservation.errors import NoSpaceError, NotNowError, TierUnavailableError
from preservation.storage.s3.blocks import Block, blocks
from preservation.storage.s3.failures import ABSENT, TAKEN, code_of, etag_of, refusals
from preservation.storage.s3.hands import Hands
from preservation.storage.s3.listing import Object
from preservation.storage.s3.place import REFUSES_WRONG, S3Place

PART = 8 << 20  # octets; the smallest part that we send, but for the last
MOST_PARTS = 10_000
LARGEST = 5 << 40  # octets of one object
# What a service says of a part that does not go with the others, or with how the upload was begun.
_UNFIT = frozenset(
    {"InvalidRequest", "InvalidPart", "InvalidPartOrder", "InvalidArgument", "EntityTooSmall"}
)
HANDS = 2  # parts under way at once: with the one being filled, 24 MiB in memory at most


def part_size(octets: int) -> int:
    """How large parts have to be for an object of about so many octets, a multiple of 1 MiB."""
    generous = octets + octets // 8 + (64 << 20)  # headers and padding of a tar of small files
    return max(PART, math.ceil(generous / MOST_PARTS / (1 << 20)) << 20)


class OtherOctetsError(TierUnavailableError):
    """What is there under the name is not what was sent."""

    default_code = "TIER-S3"


class Upload:
    """One object being written.

    Args:
        name: of the object; nothing has it yet.
        octets: about how large it will be.
    """

    def __init__(self, place: S3Place, name: str, octets: int) -> None:
        if octets > LARGEST:
            raise NoSpaceError(
                f"tier {place.id}: {octets} octets are more than one object can hold",
                hint="keep AIP versions of this size on another tier",
                code="TIER-TOO-LARGE",
            )
        self._place = place
        self._name = name
        self._size = part_size(octets)
        # Of no use to a service that was seen to take parts with a wrong one.
        is_compared = not place.disproves(REFUSES_WRONG)
        self._algorithm = {"ChecksumAlgorithm": "SHA256"} if is_compared else {}
        self._id = ""
        self._is_taken_up = self._is_unfit = False
        self._parts: dict[int, dict[str, Any]] = {}

    def write(self, chunks: Iterable[bytes]) -> Object:
        """Send the stream; the object is there when this returns.

        A source that fails leaves nothing behind. A service that fails leaves the parts that
        it has: :meth:`abort` removes them, or the next writer goes on from them. Where it does
        not let us go on from a killed writer's, these are removed: the next writer begins anew.

        Raises:
            OtherOctetsError: another object has the name; it stays.
            TierUnavailableError, NoSpaceError: the service is in the way.
        """
        cut = blocks(chunks, self._size)
        first = next(cut)
        if not first.is_full:
            return self._whole(first)
        try:
            return self._complete(self._send(first, cut))
        except TierUnavailableError:
            if self._is_unfit:
                with suppress(NotNowError):
                    self.abort()
            raise

    def _send(self, first: Block, cut: Iterator[Block]) -> int:
        """Send all parts; tells how many octets."""
        known = self._begin()
        octets = 0
        hands = Hands(HANDS, "upload")
        under_way: set[Future[None]] = set()
        try:
            for number, block in enumerate(itertools.chain([first], cut), 1):
                if len(under_way) == HANDS:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for each in done:
                        each.result()
                under_way.add(hands.submit(self._part, number, block, known.get(number)))
                octets += block.octets
            for each in under_way:
                each.result()
        except BaseException as error:
            for each in under_way:
                each.cancel()
            # Whoever removes the parts has to find all of them; whoever pressed Ctrl-C goes.
            hands.leave(None if isinstance(error, Exception) else 0.0)
            raise
        hands.leave()
        return octets

    def abort(self) -> None:
        """Remove the parts of an upload that was not completed."""
        if self._id:
            with self._place.errors():
                self._place.client.abort_multipart_upload(
                    **self._place.about(self._name), UploadId=self._id
                )
            self._id = ""

    def _whole(self, block: Block) -> Object:
        """A small object, in one request. One whose reply was lost is found by what it is."""
        with self._place.errors():
            try:
                more = self._storage_class()
                self._place.put_block(self._name, block, IfNoneMatch="*", **more)
            except refusals() as error:
                if code_of(error) not in TAKEN:
                    raise
        return self._seen(block.octets)

    def _begin(self) -> Mapping[int, dict[str, Any]]:
        """Begin, or take up what a killed writer began: returns the parts that are there."""
        for name, id_ in self._place.uploads(self._name):
            parts = self._listed(id_) if name == self._name else None
            if parts is not None:
                self._id, self._is_taken_up = id_, True
                return parts
        with self._place.errors():
            more = self._storage_class() | self._algorithm
            self._id = self._place.begin(self._name, **more)
        return {}

    def _listed(self, id_: str) -> dict[int, dict[str, Any]] | None:
        """The parts of an upload; None if it is gone, or its parts have another size."""
        pages = self._place.client.get_paginator("list_parts").paginate(
            **self._place.about(self._name), UploadId=id_
        )
        with self._place.errors():
            try:
                parts = {one["PartNumber"]: one for page in pages for one in page.get("Parts", ())}
            except refusals():
                return None
        last = max(parts, default=0)
        sizes = {part["Size"] for number, part in parts.items() if number != last}
        return parts if sizes <= {self._size} else None

    def _part(self, number: int, block: Block, known: dict[str, Any] | None) -> None:
        digest = block.sha256() if self._algorithm else ""
        if (
            known is not None
            and known["Size"] == block.octets
            and self._is_same(known, block, digest)
        ):
            self._parts[number] = _receipt(number, known)
            return
        with self._errors():
            said = self._place.part(self._name, self._id, number, block, digest)
            self._parts[number] = _receipt(number, said)

    def _complete(self, octets: int) -> Object:
        """Join the parts. A reply that was lost is made up for by looking."""
        with self._errors():
            try:
                parts = [self._parts[one] for one in sorted(self._parts)]
                self._place.complete(self._name, self._id, parts)
            except refusals() as error:
                if code_of(error) not in {"NoSuchUpload"} | ABSENT | TAKEN:
                    raise
                if code_of(error) in TAKEN:
                    self.abort()  # somebody was faster: these parts become nothing
        self._id = ""
        return self._seen(octets)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Tell failures as the tier's; remember that parts do not go together. A service that was
        seen to compare digests since does not take one for an upload that was begun without.
        """
        with self._place.errors():
            try:
                yield
            except refusals() as error:
                self._is_unfit |= self._is_taken_up and code_of(error) in _UNFIT
                raise

    def _seen(self, octets: int) -> Object:
        found = self._place.head(self._name)
        if found is not None and found.octets != octets:
            raise OtherOctetsError(
                f"tier {self._place.id}: {self._name} has {found.octets} octets, not {octets}",
                hint="does something else write there? try again",
            )
        if found is None:
            raise TierUnavailableError(
                f"tier {self._place.id}: {self._name} was written, and is not there",
                hint="does something else write there? try again",
                code="TIER-S3",
            )
        return found

    def _storage_class(self) -> dict[str, str]:
        name = self._place.address.storage_class
        return {"StorageClass": name} if name else {}

    def _is_same(self, known: Mapping[str, Any], block: Block, digest: str) -> bool:
        """Whether the service has this part: by its SHA-256 where a check saw that a wrong one is
        refused, elsewhere by its MD5. Some give back as SHA-256 whatever they were told.
        """
        if known.get("ChecksumSHA256") and self._place.proves(REFUSES_WRONG):
            return bool(known["ChecksumSHA256"] == digest)
        return bool(known["ETag"].strip('"') == block.md5())


def _receipt(number: int, said: Mapping[str, Any]) -> dict[str, Any]:
    receipt = {"PartNumber": number, "ETag": etag_of(said)}
    if said.get("ChecksumSHA256"):
        receipt["ChecksumSHA256"] = said["ChecksumSHA256"]
    return receipt
