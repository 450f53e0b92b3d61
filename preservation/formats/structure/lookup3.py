"""The checksum of HDF5's metadata: Bob Jenkins's lookup3, ``hashlittle``.

Source: HDF5 File Format Specification 3.0, II.A: "the superblock's checksum"; lookup3.c, 2006.
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF


def lookup3(data: bytes) -> int:
    """The 32-bit hash of octets, with an initial value of 0."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    at = 0
    while len(data) - at > 12:
        a, b, c = (_plus(one, data, at + 4 * place) for place, one in enumerate((a, b, c)))
        a, b, c = _mix(a, b, c)
        at += 12
    if at == len(data):
        return c
    a, b, c = (_plus(one, data, at + 4 * place) for place, one in enumerate((a, b, c)))
    return _final(a, b, c)


def _plus(value: int, data: bytes, at: int) -> int:
    return (value + int.from_bytes(data[at : at + 4], "little")) & _MASK


def _turn(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _MASK) ^ _turn(c, by)
        c = (c + b) & _MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turn(b, by)) & _MASK
        a, b, c = b, c, a
    return b
