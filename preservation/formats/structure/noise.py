"""A stretch of noise amid data that are none: what is left where junk was written into an array.

Numbers without checksums can be anything, but they are not anything at all for a thousand octets
and something definite before and after. Only data that are not compressed are looked at, since
compressed ones look like noise; and only of files that are read whole.
"""

from __future__ import annotations

from collections import Counter

from preservation.formats.sample import Sample
from preservation.formats.structure.trouble import Troubles, corrupted

_WINDOW = 512
_LEAST = 12  # windows, of which nothing can be said with fewer
_NOISY = 345  # chi-squared of 512 octets over 256 values: 255 is noise, with a spread of 23
_DEFINITE = 600
_MOST = 5  # windows in a row: longer ones may be a compressed part
_AROUND = 8 * _WINDOW
_WEIGHED = 400  # windows whose octets are counted, which takes 20 microseconds for each
_COUNTED = 64  # windows from all over the file whose octets tell which values are common
_COMMON = 24  # values that noise shows in a tenth of its octets, and definite data in most


def noise(sample: Sample, start: int, stop: int) -> Troubles:
    """One short stretch between two places of a file is noise, and all else is not."""
    if sample.whole is None:
        return
    data = sample.whole[start : min(stop, sample.octets)]
    places = range(0, len(data) - _WINDOW + 1, _WINDOW)
    if len(places) < _LEAST:
        return
    rare = _rare(data)
    odd = [at for at in places if rare.count(1, at, at + _WINDOW) >= 0.82 * _WINDOW]
    noisy = [at for at in odd[:_WEIGHED] if _chi_squared(data, at) <= _NOISY]
    if not noisy or len(odd) > _WEIGHED or noisy[-1] - noisy[0] >= _MOST * _WINDOW:
        return
    first, last = noisy[0], noisy[-1]
    around = range(max(0, first - _AROUND), min(places.stop, last + _AROUND + 1), _WINDOW)
    others = (at for at in around if not first - _WINDOW <= at <= last + _WINDOW)
    if all(_chi_squared(data, at) >= _DEFINITE for at in others):
        yield corrupted(f"noise amid data, at octet {start + first:,}")


def _rare(data: bytes) -> bytes:
    """For each octet 1, where its value is none of the most common ones."""
    step = _WINDOW * max(4, len(data) // _WINDOW // _COUNTED)
    counts = Counter[int]()
    for at in range(0, len(data), step):
        counts.update(data[at : at + _WINDOW])
    common = {value for value, _ in counts.most_common(_COMMON)}
    return data.translate(bytes(value not in common for value in range(256)))


def _chi_squared(data: bytes, at: int) -> float:
    window = data[at : at + _WINDOW]
    return sum(count * count for count in Counter(window).values()) * 256 / _WINDOW - _WINDOW
