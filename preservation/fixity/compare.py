"""Compares many files with what was recorded of them; only what differs comes back one by one.

An absent digest cannot be expressed, and a file that was not read has none: so neither is ever
equal to anything.

A digest that differs, and was taken where several files are hashed at once, is taken again by
OpenSSL before it is told: an error there can make an intact file look altered for that long, and
never the other way round, since what agrees with a recorded digest agrees.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from preservation.errors import MalformedError
from preservation.fixity import sha2
from preservation.fixity.ahead import Ahead
from preservation.fixity.batch import Batch, Done
from preservation.fixity.crew import EngineSettings
from preservation.fixity.engine import digests_at, never, read
from preservation.fixity.reading import Measured, Reading
from preservation.model.digest import Algorithm, Digest
from preservation.model.progress import Progress, Silence
from preservation.model.units import counted

_DOUBTED = 1024  # files that wait to be taken again


class Expected(NamedTuple):
    """Some files, and what their digests must be.

    Attributes:
        paths: relative to the root.
        algorithms: at least one.
        digests: one column for each algorithm: the raw digests of all files, joined.
    """

    paths: Sequence[bytes]
    algorithms: tuple[Algorithm, ...]
    digests: tuple[bytes, ...]


class Unequal(NamedTuple):
    """One file that is not intact.

    Attributes:
        seen: with digests, if it was read: then one of them differs.
    """

    seen: Measured
    expected: tuple[Digest, ...]


class Compared(NamedTuple):
    """Some files, compared.

    Attributes:
        intact: how many were read to their end and equal every digest.
        octets: read, of all of them.
    """

    intact: int
    octets: int
    unequal: Sequence[Unequal]


def compare(
    root: Path,
    batches: Iterable[Expected],
    settings: EngineSettings,
    progress: Progress,
    cancelled: Callable[[], bool] = never,
    ahead: Ahead | None = None,
) -> Iterator[Compared]:
    """Read files below a folder and compare them; each counts once in one of the results.

    Nothing is made for a file that is intact: a million of them cost little more than their
    hashing. Guarantees as of :func:`preservation.fixity.engine.measure`.

    Args:
        root: itself may be reached by links; what is below may not.
        batches: some hundred files each, folder by folder, are best; taken as they are needed,
            in the caller's thread.
        settings: how hard to work.
        progress: hears of every octet read, from any thread.
        cancelled: asked before each block or batch; from any thread.
        ahead: reads some of the files already.

    Raises:
        StoppedError: ``cancelled`` said so; results that were yielded before stay true.
        OSError: the root itself cannot be opened.
        MalformedError: a digest is missing; fewer workers than one.
    """
    checked = (_checked(batch) for batch in batches if batch.paths)
    again = replace(settings, abreast=False)
    doubted: list[Unequal] = []
    for done in read(root, checked, settings, progress, cancelled, ahead):
        compared = _compared(done)
        if settings.abreast and sha2.LANES:
            doubted += [each for each in compared.unequal if _is_doubtful(each)]
            compared = _without_doubtful(compared)
        yield compared
        if len(doubted) >= _DOUBTED:
            yield from _taken_again(root, doubted, again, cancelled)
            doubted = []
    yield from _taken_again(root, doubted, again, cancelled)


def _is_doubtful(unequal: Unequal) -> bool:
    """Whether a digest differs that lanes may have taken."""
    found = unequal.seen.digests
    return unequal.seen.in_lanes and any(
        found[wanted.algorithm] != wanted and wanted.algorithm.hashlib_name in sha2.LANES
        for wanted in unequal.expected
    )


def _without_doubtful(compared: Compared) -> Compared:
    """All but those: they count once they were taken again."""
    sure = [each for each in compared.unequal if not _is_doubtful(each)]
    octets = sum(each.seen.octets for each in compared.unequal if _is_doubtful(each))
    return Compared(compared.intact, compared.octets - octets, sure)


def _taken_again(
    root: Path,
    doubted: Sequence[Unequal],
    settings: EngineSettings,
    cancelled: Callable[[], bool],
) -> Iterator[Compared]:
    """Compare files once more, by OpenSSL. Progress has heard of them.

    A machine on which that makes a difference computes or reads wrongly now and then: a warning.
    """
    alike: dict[tuple[Algorithm, ...], list[Unequal]] = {}
    for each in doubted:
        algorithms = tuple(wanted.algorithm for wanted in each.expected)
        alike.setdefault(algorithms, []).append(each)
    batches = [
        Batch(
            [each.seen.path for each in some],
            algorithms,
            tuple(map(b"".join, zip(*(_raw(each) for each in some), strict=True))),
        )
        for algorithms, some in alike.items()
    ]
    intact = 0
    for done in read(root, batches, settings, Silence(), cancelled) if batches else ():
        compared = _compared(done)
        intact += compared.intact
        yield compared
    if intact:
        warnings.warn(
            f"{counted(intact, 'file')} first had another digest than on record, and the right one"
            " when read again and hashed by OpenSSL: look at this machine's memory, processor and"
            " disks",
            RuntimeWarning,
            stacklevel=2,
        )


def _raw(unequal: Unequal) -> list[bytes]:
    return [wanted.value for wanted in unequal.expected]


def _checked(batch: Expected) -> Batch:
    widths = [each.octets * len(batch.paths) for each in batch.algorithms]
    if not widths or [len(column) for column in batch.digests] != widths:
        raise MalformedError("not a digest of each algorithm for each file")
    return Batch(batch.paths, batch.algorithms, tuple(batch.digests))


def _compared(done: Done) -> Compared:
    # One that was left has no place in the columns, so that these are shorter then.
    if not done.others and tuple(done.columns) == done.batch.expected:
        return Compared(len(done.octets), sum(done.octets), ())
    intact = total = at = 0
    unequal: list[Unequal] = []
    for number, octets in enumerate(done.octets):
        if octets < 0:
            continue
        total += octets
        if _is_equal(done, at, number):
            intact += 1
        else:
            path, digests = done.batch.paths[number], digests_at(done, at)
            seen = Measured(path, Reading.READ, octets, digests, size=octets, in_lanes=True)
            unequal.append(Unequal(seen, _expected(done, number)))
        at += 1
    for number, seen in done.others:
        total += seen.octets
        expected = _expected(done, number)
        if [seen.digests.get(digest.algorithm) for digest in expected] == [*expected]:
            intact += 1
        else:
            unequal.append(Unequal(seen, expected))
    return Compared(intact, total, unequal)


def _is_equal(done: Done, at: int, number: int) -> bool:
    for each, column, wanted in zip(
        done.batch.algorithms, done.columns, done.batch.expected, strict=True
    ):
        width = each.octets
        if column[at * width : (at + 1) * width] != wanted[number * width : (number + 1) * width]:
            return False
    return True


def _expected(done: Done, number: int) -> tuple[Digest, ...]:
    columns = zip(done.batch.algorithms, done.batch.expected, strict=True)
    return tuple(
        Digest(each, column[number * each.octets : (number + 1) * each.octets])
        for each, column in columns
    )
