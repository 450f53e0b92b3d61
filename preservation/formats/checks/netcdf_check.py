"""netCDF: the classic formats by their specification, netCDF-4 by HDF5 and netCDF's own library.

A classic file is a header that says where each variable begins and how large it is; the check
reads all of the header and holds every place against the file's size.

Source: the netCDF file format specifications (CDF-1, CDF-2, CDF-5).
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.deferred import dataclass
from preservation.model.format_check import Unchecked

LIBRARY = ""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_IN_MEMORY = 64 << 20  # octets; netCDF's library reads a file from memory only up to that
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
_MOST_ITEMS = 1_000_000  # dimensions, attributes or variables of one list
_STREAMING = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def check(subject: Subject) -> None:
    """The header, and that the file is as long as it says."""
    magic = subject.at(0, 8)
    if magic == _HDF5:
        _check_netcdf4(subject)
        return
    if magic[:3] != b"CDF" or magic[3:4] not in (b"\1", b"\2", b"\5"):
        raise Invalid("structure", "it does not begin as a netCDF file")
    header = _Header(subject, magic[3]).read()
    subject.facts.update(
        version={1: "classic", 2: "64-bit offset", 5: "64-bit data"}[magic[3]],
        dimensions=len(header.dimensions),
        variables=len(header.variables),
    )
    _expect_long_enough(subject, header)


@dataclass(slots=True)
class _Variable:
    name: str
    records: bool  # its first dimension is the unlimited one
    octets: int  # of the whole variable, or of one record
    begin: int


@dataclass(slots=True)
class _Contents:
    records: int | None  # None: as many as fit
    dimensions: list[int]
    variables: list[_Variable]


class _Header:
    """Reads a header front to back."""

    def __init__(self, subject: Subject, version: int) -> None:
        self._subject = subject
        self._at = 4
        self._wide = 8 if version == 5 else 4  # octets of a count
        self._offset = 4 if version == 1 else 8

    def read(self) -> _Contents:
        """The whole header.

        Raises:
            Invalid: it breaks off, or is none.
        """
        records = self._number(self._wide)
        dimensions = [self._dimension() for _ in range(self._list(10))]
        self._attributes()
        variables = [self._variable(dimensions) for _ in range(self._list(11))]
        self._subject.facts["records"] = -1 if records in _STREAMING else records
        return _Contents(None if records in _STREAMING else records, dimensions, variables)

    def _number(self, octets: int) -> int:
        data = self._take(octets)
        return int.from_bytes(data, "big")

    def _take(self, octets: int) -> bytes:
        if self._at + octets > self._subject.octets:
            raise Invalid("truncated", "the header goes on after the end of the file")
        data = self._subject.at(self._at, octets)
        self._at += octets
        return data

    def _skip(self, octets: int) -> None:
        self._at += octets + -octets % 4
        if self._at > self._subject.octets:
            raise Invalid("truncated", "the header goes on after the end of the file")

    def _list(self, wanted: int) -> int:
        tag, count = self._number(4), self._number(self._wide)
        if tag not in (0, wanted) or (tag == 0 and count) or count > _MOST_ITEMS:
            raise Invalid("structure", f"no list where one must be, at byte {self._at}")
        return count

    def _name(self) -> str:
        octets = self._number(self._wide)
        if octets > 1 << 16:
            raise Invalid("structure", f"a name of {octets} bytes at byte {self._at}")
        name = self._take(octets)
        self._take(-octets % 4)
        return name.decode("utf-8", "replace")

    def _dimension(self) -> int:
        self._name()
        return self._number(self._wide)

    def _attributes(self) -> None:
        for _ in range(self._list(12)):
            name, kind = self._name(), self._number(4)
            if kind not in _SIZES:
                raise Invalid("structure", f"the attribute {name} has an unknown type {kind}")
            self._skip(self._number(self._wide) * _SIZES[kind])

    def _variable(self, dimensions: list[int]) -> _Variable:
        name = self._name()
        rank = self._number(self._wide)
        if rank > 1024:
            raise Invalid("structure", f"the variable {name} has {rank} dimensions")
        ids = [self._number(self._wide) for _ in range(rank)]
        if any(one >= len(dimensions) for one in ids):
            raise Invalid("structure", f"the variable {name} has a dimension that is not there")
        self._attributes()
        kind = self._number(4)
        if kind not in _SIZES:
            raise Invalid("structure", f"the variable {name} has an unknown type {kind}")
        self._number(self._wide)  # vsize is redundant, and wrong where it doesn't fit
        shape = [dimensions[one] for one in ids]
        records = bool(shape) and shape[0] == 0
        octets = math.prod(shape[1:] if records else shape) * _SIZES[kind]
        return _Variable(name, records, octets, self._number(self._offset))


def _expect_long_enough(subject: Subject, header: _Contents) -> None:
    per_record = [one for one in header.variables if one.records]
    # A lone record variable of less than four octets is not padded.
    stride = sum(one.octets + (-one.octets % 4 if len(per_record) > 1 else 0) for one in per_record)
    for one in header.variables:
        end = one.begin + one.octets
        if one.records:
            count = header.records
            end = one.begin if not count else one.begin + (count - 1) * stride + one.octets
        if end > subject.octets:
            message = f"{one.name} ends at byte {end}, the file at {subject.octets}"
            raise Invalid("truncated", message)


def _check_netcdf4(subject: Subject) -> None:
    """As HDF5, then, if it isn't too large to hold, opened by netCDF's own library."""
    subject.library = "h5py netCDF4"
    for name in subject.library.split():
        try:
            import_module(name)
        except ImportError as error:
            message = f"{name} is not installed"
            raise NotChecked(Unchecked.LIBRARY_ABSENT, message) from error
    import_module("preservation.formats.checks.hdf5_check").check(subject)
    subject.facts["version"] = "netCDF-4"
    if subject.octets > _IN_MEMORY:
        return
    library: Any = import_module("netCDF4")
    data = subject.at(0, subject.octets)
    with library.Dataset("in memory", memory=data) as opened:
        subject.facts["dimensions"] = sum(len(one.dimensions) for one in _groups(opened))
        subject.facts["variables"] = sum(len(one.variables) for one in _groups(opened))


def _groups(top: Any) -> list[Any]:
    found, at = [top], 0
    while at < len(found):
        found.extend(found[at].groups.values())
        at += 1
    return found
