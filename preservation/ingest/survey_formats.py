"""What the files are: all of them, or of a large tree a sample that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from preservation.formats.patience import DepositPatience
from preservation.formats.protocol import Identifier
from preservation.ingest.survey_findings import Tally
from preservation.ingest.survey_result import FormatRow, Formats, SurveySettings
from preservation.ingest.survey_spool import Spool
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.model.identification import REMARKS, Identification
from preservation.model.progress import Progress

_CHUNK = 1024  # files
_TELL_EVERY = 2500  # files
_CHUNK_OCTETS = 4 * 1024**3
_FLAGS = {
    "unidentified": "SUR-FORMAT-UNKNOWN",
    "tentative": "SUR-FORMAT-DOUBTFUL",
    "conflict": "SUR-FORMAT-DOUBTFUL",
    "extension_mismatch": "SUR-FORMAT-NAME",
    "suspect_damage": "SUR-FORMAT-DAMAGED",
    "truncated": "SUR-FORMAT-DAMAGED",
    "corrupted": "SUR-FORMAT-DAMAGED",
    "ambiguous": "SUR-FORMAT-DOUBTFUL",
    "timeout": "SUR-FORMAT-TROUBLE",
    "crashed": "SUR-FORMAT-TROUBLE",
    "unreadable": "SUR-UNREADABLE",
}
_NO_DOUBT = REMARKS | {"unidentified"}

_Key = tuple[str, str, str, str]  # PUID or local id, name, version, MIME type


@dataclass(slots=True)
class _Seen:
    """What was looked at under one extension."""

    files: int = 0
    formats: Counter[_Key] = field(default_factory=Counter)
    octets: Counter[_Key] = field(default_factory=Counter)
    unidentified: int = 0
    doubtful: int = 0


def identify(
    root: Path,
    spool: Spool,
    identifier: Identifier,
    settings: SurveySettings,
    tally: Tally,
    progress: Progress,
    clock: Clock,
) -> Formats:
    """Identify all files, or of each extension some, as far as patience goes."""
    extensions = spool.extensions()
    of = sum(files for _, files, _ in extensions)
    if of <= settings.identify:
        wanted = spool.files()
    else:
        each = _each([files for _, files, _ in extensions], settings.sample)
        wanted = spool.sample(each, settings.sample)
    wanted = _while_patient(wanted, settings, clock)
    lost = DepositPatience(settings.patience.total_seconds())
    seen = _ask(root, wanted, identifier, lost, tally, progress)
    looked_at = sum(one.files for one in seen.values())
    scale = {
        name: (files / seen[name].files, octets / max(1, sum(seen[name].octets.values())))
        for name, files, octets in extensions
        if name in seen
    }
    return Formats(
        rows=_rows(seen, scale),
        looked_at=looked_at,
        of=of,
        unidentified=_share({name: one.unidentified for name, one in seen.items()}, scale, of),
        doubtful=_share({name: one.doubtful for name, one in seen.items()}, scale, of),
        toolchain=str(identifier.toolchain) if looked_at else "",
    )


def _each(files: list[int], most: int) -> int:
    """How many files of each extension to look at, so that about ``most`` are looked at in all."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in files) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _while_patient(
    wanted: Iterator[tuple[bytes, str, int]], settings: SurveySettings, clock: Clock
) -> Iterator[tuple[bytes, str, int]]:
    until = clock.now() + settings.patience
    for one in wanted:
        if clock.now() > until:
            return
        yield one


def _ask(
    root: Path,
    wanted: Iterator[tuple[bytes, str, int]],
    identifier: Identifier,
    patience: DepositPatience,
    tally: Tally,
    progress: Progress,
) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = {}
    done = 0
    while not patience.spent and (chunk := _chunk(wanted)):
        paths = [path for path, _, _ in chunk]
        answers = identifier.identify(root, paths, patience=patience)
        for (path, extension, octets), answer in zip(chunk, answers, strict=True):
            _note(seen.setdefault(extension, _Seen()), answer, octets)
            for code in _codes(answer):
                tally.add(code, path, octets, note=_note_of(answer))
        done += len(chunk)
        if done // _TELL_EVERY > (done - len(chunk)) // _TELL_EVERY:
            progress.say(f"{done:,} files identified")
    return seen


def _chunk(wanted: Iterator[tuple[bytes, str, int]]) -> list[tuple[bytes, str, int]]:
    """So many files that a pool of workers is busy, and patience is asked again soon."""
    chunk: list[tuple[bytes, str, int]] = []
    octets = 0
    while len(chunk) < _CHUNK and octets < _CHUNK_OCTETS and (one := next(wanted, None)):
        chunk.append(one)
        octets += one[2]
    return chunk


def _note(seen: _Seen, answer: Identification, octets: int) -> None:
    key = (answer.id, answer.name, answer.version, answer.mime)
    seen.files += 1
    seen.formats[key] += 1
    seen.octets[key] += octets
    seen.unidentified += not answer.id
    seen.doubtful += bool(set(answer.flags) - _NO_DOUBT)


def _codes(answer: Identification) -> set[str]:
    codes = {_FLAGS[flag] for flag in answer.flags if flag in _FLAGS}
    # What is cut off has no known format, but that is not the trouble with it.
    return codes - {"SUR-FORMAT-UNKNOWN"} if "SUR-FORMAT-DAMAGED" in codes else codes


def _note_of(answer: Identification) -> str:
    """What to say beside a doubtful file."""
    known = f"{answer.id} {answer.name}".strip() or answer.mime
    return f"{known}; {', '.join(answer.flags)}" if known else ", ".join(answer.flags)


def _rows(seen: dict[str, _Seen], scale: dict[str, tuple[float, float]]) -> tuple[FormatRow, ...]:
    files: Counter[_Key] = Counter()
    octets: dict[_Key, float] = {}
    estimate: dict[_Key, float] = {}
    for name, one in seen.items():
        for key, count in one.formats.items():
            files[key] += count
            estimate[key] = estimate.get(key, 0) + count * scale[name][0]
            octets[key] = octets.get(key, 0) + one.octets[key] * scale[name][1]
    rows = (
        FormatRow(*key, round(estimate[key]), round(octets[key]), count)
        for key, count in files.items()
    )
    return tuple(sorted(rows, key=lambda row: (-row.octets, row.puid, row.mime)))


def _share(counts: dict[str, int], scale: dict[str, tuple[float, float]], of: int) -> float:
    return sum(count * scale[name][0] for name, count in counts.items()) / of if of else 0.0
