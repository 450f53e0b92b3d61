"""FITS: headers by the standard, data as long as they say, CHECKSUM and DATASUM.

astropy reads the headers; the sums are taken over the file's own bytes, in flat memory, since
a library that scales the data before it sums can't tell a changed bit from a changed type.

Source: FITS Standard 4.0 sections 3, 4.4 and J.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from astropy.io import fits  # type: ignore[import-untyped]

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

LIBRARY = "astropy"
_RECORD = 2880
_BLOCK = _RECORD * 364  # about 1 MiB
_MOST_UNITS = 10_000


def check(subject: Subject) -> None:
    """Every header and data unit."""
    with warnings.catch_warnings(record=True) as told, subject.open() as source:
        warnings.simplefilter("always")
        units = fits.open(
            source,
            mode="readonly",
            memmap=False,
            lazy_load_hdus=True,
            disable_image_compression=True,  # else DATASUM is that of the image inside
        )
        sums = _Sums(subject)
        count, end = 0, 0
        for unit in _each(units):
            if not hasattr(unit, "fileinfo"):
                raise Invalid("structure", f"unit {count + 1} is none of the standard's")
            where = unit.fileinfo()
            end = where["datLoc"] + where["datSpan"]
            count += 1
            if end > subject.octets:
                message = f"unit {count} ends at byte {end}, the file at {subject.octets}"
                raise Invalid("truncated", message)
            _verify(unit, count)
            sums.compare(unit.header, where["hdrLoc"], where["datLoc"], end, count)
        subject.facts["units"] = count
        subject.facts["checksums"] = sums.compared
        deviations = {str(one.message).split("\n")[0] for one in told}
    if end < subject.octets and subject.at(end, _RECORD).strip(b"\0 "):
        subject.facts["trailing_bytes"] = subject.octets - end
        if _looks_like_unit(subject.at(end, 80)):
            reason = "truncated" if subject.octets % _RECORD else "structure"
            raise Invalid(reason, f"what begins at byte {end} can't be read as an extension")
    if deviations:
        subject.facts["deviations"] = len(deviations)


def _each(units: Any) -> Any:
    for number in range(_MOST_UNITS):
        try:
            yield units[number]
        except IndexError:
            return
    raise NotChecked(Unchecked.TOO_LARGE, f"more than {_MOST_UNITS} header and data units")


def _verify(unit: Any, number: int) -> None:
    try:
        unit.verify("silentfix+exception")
    except fits.VerifyError as error:
        raise Invalid("header", f"unit {number}: {error}") from error


def _looks_like_unit(card: bytes) -> bool:
    return card.startswith(b"XTENSION=")


class _Sums:
    """Ones' complement sums of 32-bit words, as appendix J has them."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.compared = 0

    def compare(self, header: Any, start: int, data: int, end: int, number: int) -> None:
        """Hold one unit's sums against what its header says."""
        datasum, checksum = str(header.get("DATASUM", "")), str(header.get("CHECKSUM", ""))
        wanted = int(datasum) if datasum.strip().isdigit() else None
        if wanted is None and not checksum.strip("0 "):
            return
        self.compared += 1
        of_data = self._sum(data, end)
        if wanted is not None and of_data != wanted % 0xFFFFFFFF:
            raise Invalid("checksum", f"unit {number}: the data's sum is not its DATASUM")
        if checksum.strip("0 ") and (self._sum(start, data) + of_data) % 0xFFFFFFFF:
            raise Invalid("checksum", f"unit {number}: its sum is not what CHECKSUM makes it")

    def _sum(self, start: int, end: int) -> int:
        total = 0
        for at in range(start, end, _BLOCK):
            piece = self._subject.at(at, min(_BLOCK, end - at))
            total += int(np.frombuffer(piece, ">u4").sum(dtype=np.uint64))
        return total % 0xFFFFFFFF
