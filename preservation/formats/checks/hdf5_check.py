"""HDF5: every object opens, every dataset's bytes lie inside the file, what is filtered unpacks.

Objects are visited once, however links lead; links to other files, and storage in other files,
are never followed. Chunks that passed a filter (deflate, Fletcher's checksum) are read, and so
are values that lie in the global heap. Plain bytes are not: nothing in the file can tell
whether they changed.

Source: HDF5 File Format Specification 3.0; h5py's low-level interface.
"""

from __future__ import annotations

import math
from typing import Any

import h5py  # type: ignore[import-untyped]

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

LIBRARY = "h5py"
MOST_OBJECTS = 1_000_000
MOST_CHUNKS = 2_000_000  # of one dataset
MOST_PIECE = 256 << 20  # octets of values in memory
_HDF4 = b"\x0e\x03\x13\x01"
_HEAP_ROWS = 16_384


def check(subject: Subject) -> None:
    """Objects, attributes, storage, filters."""
    if subject.at(0, 4) == _HDF4:
        raise NotChecked(Unchecked.NO_CHECK, "it is HDF4")
    try:
        with h5py.File(subject.open(), "r") as file:
            _Visit(subject, file).all()
    except (OSError, RuntimeError, KeyError) as error:
        text = " ".join(str(error).split())
        cut = "truncated file" in text or "addr overflow" in text
        raise Invalid("truncated" if cut else "structure", text) from error


class _Visit:
    """One pass over everything that hard links reach."""

    def __init__(self, subject: Subject, file: Any) -> None:
        self._subject = subject
        self._file = file
        self._objects = self._datasets = self._elsewhere = 0
        self._large = ""
        self._missing = ""

    def all(self) -> None:
        """Visit.

        Raises:
            Invalid: an object can't be had, or its bytes lie outside the file or don't unpack.
            NotChecked: some values could not be read; all else is sound.
        """
        self._attributes(self._file)
        self._file.visititems(self._object)
        external = self._external_links()
        facts = self._subject.facts
        facts["objects"], facts["datasets"] = self._objects + 1, self._datasets
        if "_NCProperties" in self._file.attrs:
            facts["netcdf4"] = True
        if external:
            facts["external_links"] = external
        if self._elsewhere:
            facts["datasets_in_other_files"] = self._elsewhere
            message = "values of some datasets lie in other files"
            raise NotChecked(Unchecked.ELSEWHERE, message)
        if self._missing:
            raise NotChecked(Unchecked.CODEC_ABSENT, self._missing)
        if self._large:
            raise NotChecked(Unchecked.TOO_LARGE, self._large)

    def _object(self, _: str, one: Any) -> None:
        self._objects += 1
        if self._objects > MOST_OBJECTS:
            raise NotChecked(Unchecked.TOO_LARGE, f"more than {MOST_OBJECTS} objects")
        self._subject.spend(0)
        self._attributes(one)
        if isinstance(one, h5py.Dataset):
            self._datasets += 1
            self._dataset(one)

    def _attributes(self, one: Any) -> None:
        for index in range(h5py.h5a.get_num_attrs(one.id)):
            attribute = h5py.h5a.open(one.id, index=index)
            attribute.get_space()
            attribute.get_type()

    def _external_links(self) -> int:
        count = 0

        def link(_: str, one: Any) -> None:
            nonlocal count
            count += isinstance(one, h5py.ExternalLink)

        self._file.visititems_links(link)
        return count

    def _dataset(self, one: Any) -> None:
        made = one.id.get_create_plist()
        layout = made.get_layout()
        if layout == h5py.h5d.VIRTUAL or made.get_external_count():
            self._elsewhere += 1
        elif layout == h5py.h5d.CONTIGUOUS:
            self._inside(one, one.id.get_offset(), one.id.get_storage_size())
            self._heap(one)
        elif layout == h5py.h5d.CHUNKED:
            self._chunked(one, made)
        else:
            self._heap(one)

    def _inside(self, one: Any, offset: int | None, octets: int) -> None:
        if offset is not None and offset + octets > self._subject.octets:
            end = offset + octets
            message = f"{one.name} ends at byte {end}, the file at {self._subject.octets}"
            raise Invalid("truncated", message)

    def _chunked(self, one: Any, made: Any) -> None:
        places: list[tuple[int, ...]] = []
        last = [0, 0]  # where the chunk that ends last begins, and its octets

        def note(chunk: Any) -> bool | None:
            if chunk.byte_offset + chunk.size > sum(last):
                last[:] = chunk.byte_offset, chunk.size
            places.append(chunk.chunk_offset)
            return True if len(places) > MOST_CHUNKS else None  # anything but None ends it

        one.id.chunk_iter(note)  # asking for chunks by number takes the square of their number
        if len(places) > MOST_CHUNKS:
            raise NotChecked(Unchecked.TOO_LARGE, f"{one.name} has more chunks than are read")
        self._inside(one, *last)
        codes = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
        absent = [code for code in codes if not h5py.h5z.filter_avail(code)]
        if absent:
            self._missing = f"{one.name} needs the filter {absent[0]}"
        elif codes or _in_heap(one):
            self._read(one, places)

    def _read(self, one: Any, places: list[tuple[int, ...]]) -> None:
        """Unpack each chunk that is there, one at a time."""
        if not places or not _readable(one):
            return
        if one.id.get_type().get_size() * math.prod(one.chunks) > MOST_PIECE:
            self._large = f"a chunk of {one.name} is larger than is unpacked"
            return
        for place in places:
            spans = zip(place, one.chunks, one.shape, strict=True)
            one[tuple(slice(at, min(at + step, end)) for at, step, end in spans if at < end)]
            self._subject.spend(0)

    def _heap(self, one: Any) -> None:
        """Read what lies in the global heap, some rows at a time."""
        if not _in_heap(one) or not _readable(one) or one.shape is None:
            return
        if not one.shape:
            one[()]
            return
        for start in range(0, one.shape[0], _HEAP_ROWS):
            one[start : start + _HEAP_ROWS]
            self._subject.spend(0)


def _in_heap(one: Any) -> bool:
    return bool(one.id.get_type().detect_class(h5py.h5t.VLEN)) or _is_text(one)


def _is_text(one: Any) -> bool:
    kind = one.id.get_type()
    return isinstance(kind, h5py.h5t.TypeStringID) and bool(kind.is_variable_str())


def _readable(one: Any) -> bool:
    """Whether numpy has a type for its values: bit fields and times have none."""
    try:
        return one.dtype is not None
    except TypeError:
        return False
