"""A survey as tables of text, drawn alike by the terminal and by the HTML page."""

from __future__ import annotations

from collections.abc import Iterable

from preservation.ingest.survey_result import Survey
from preservation.model.deferred import dataclass
from preservation.model.finding import Severity
from preservation.model.units import counted, format_size

UNKNOWN = "not known to PRONOM"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows, and what its column is sorted by."""

    text: str
    sort: str | int | float
    lines: tuple[str, ...] = ()  # shown below the text, one name each
    mood: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """One table.

    Attributes:
        key: for anchors.
        columns: labels; one that begins with ``>`` is numeric.
        empty: what to say instead, if there are no rows.
    """

    key: str
    title: str
    lead: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str


def views(survey: Survey) -> tuple[View, ...]:
    """Every table of a survey, the most urgent first."""
    return (
        _findings(survey),
        _formats(survey),
        _duplicates(survey),
        _digests(survey),
        _extensions(survey),
        _largest(survey),
        _containers(survey),
    )


def figures(survey: Survey) -> tuple[tuple[str, str], ...]:
    """The numbers of the first screen, each with its words."""
    totals = survey.totals
    years = sorted({totals.oldest[:4], totals.newest[:4]} - {""})
    return (
        (f"{totals.files:,}", _plural(totals.files, "file")),
        (format_size(totals.octets), "in all"),
        (f"{totals.folders:,}", _plural(totals.folders, "folder")),
        (f"{totals.depth:,}", _plural(totals.depth, "level") + " deep"),
        (f"{totals.links:,}", _plural(totals.links, "link")),
        (_percent(survey.formats.unidentified), "of files unidentified"),
        (format_size(survey.duplicates.octets), "in duplicates"),
        ("–".join(years) or "never", "last changed"),
    )


def _findings(survey: Survey) -> View:
    rows = (
        (
            Cell("mend first", 0, mood="bad") if one.severity is not Severity.WARNING else _KNOW,
            _count(one.count),
            Cell(one.message, one.message, one.examples),
            Cell(one.hint, one.hint),
            Cell(one.code, one.code),
        )
        for one in survey.findings
    )
    return _view(
        "findings",
        "What stands out",
        "Names, links, kinds and formats that an ingest refuses, or that are worth knowing.",
        ("weight", ">how many", "what, for example", "what to do", "code"),
        rows,
        "Nothing stands out.",
    )


_KNOW = Cell("worth knowing", 1, mood="open")


def _formats(survey: Survey) -> View:
    formats = survey.formats
    about = "~" if formats.sampled else ""
    rows = (
        (
            Cell(one.name or UNKNOWN, one.name, mood="" if one.puid else "open"),
            Cell(one.version, one.version),
            Cell(one.puid, one.puid),
            Cell(one.mime, one.mime),
            Cell(f"{about}{one.files:,}", one.files),
            Cell(f"{about}{format_size(one.octets)}", one.octets),
        )
        for one in formats.rows
    )
    lead = (
        f"Told from {formats.looked_at:,} of {formats.of:,} files; files and bytes are estimates."
        if formats.sampled
        else f"All {counted(formats.of, 'file')} that are not empty."
    )
    lead += (
        f" Doubtful: {_percent(formats.doubtful)}. By {formats.toolchain}." if formats.of else ""
    )
    columns = ("format", "version", "PUID", "MIME type", ">files", ">bytes")
    return _view("formats", "Formats", lead, columns, rows, "There is no file with content.")


def _duplicates(survey: Survey) -> View:
    found = survey.duplicates
    rows = (
        (
            _size(one.octets),
            _count(one.copies),
            _size(one.octets * (one.copies - 1)),
            Cell("", one.paths[0] if one.paths else "", one.paths),
        )
        for one in found.rows
    )
    lead = (
        f"{counted(found.files, 'file')} could be spared, {format_size(found.octets)}, "
        "compared by SHA-256. The contents with the most to save:"
    )
    columns = (">size", ">times", ">to save", "where, for example")
    return _view(
        "duplicates", "Duplicates", lead, columns, rows, "No two of the files compared are alike."
    )


def _digests(survey: Survey) -> View:
    found = survey.supplied
    rows = (
        (
            Cell(one.path, one.path),
            Cell(one.kind, one.kind),
            Cell(", ".join(one.algorithms), ", ".join(one.algorithms)),
            _count(one.lines),
            _count(one.absent),
        )
        for one in found.lists
    )
    share = found.covered / survey.totals.files if survey.totals.files else 0.0
    lead = f"They cover {counted(found.covered, 'file')}, {_percent(share)} of all. "
    lead += (
        f"Compared: {found.matched:,} match, {found.differs:,} differ."
        if found.verified
        else "They were not compared with the files."
    )
    return _view(
        "digests",
        "Digests that came along",
        lead,
        ("list", "kind", "algorithms", ">lines", ">of absent files"),
        rows,
        "No list of digests lies beside the files.",
    )


def _extensions(survey: Survey) -> View:
    rows = (
        (Cell(f".{name}" if name else "(none)", name), _count(files), _size(octets))
        for name, files, octets in survey.extensions
    )
    lead = "As the names say; all files that are not empty."
    return _view("extensions", "Extensions", lead, ("extension", ">files", ">bytes"), rows, "None.")


def _largest(survey: Survey) -> View:
    rows = ((Cell(path, path), _size(octets)) for path, octets in survey.largest)
    return _view("largest", "Largest files", "", ("file", ">bytes"), rows, "None.")


def _containers(survey: Survey) -> View:
    rows = (
        (Cell(one.kind, one.kind), _count(one.files), _size(one.octets))
        for one in survey.containers
    )
    lead = "Told by their names. What is inside was not looked at."
    columns = ("kind", ">files", ">bytes")
    return _view("containers", "Archives of files", lead, columns, rows, "There are none.")


def _view(
    key: str,
    title: str,
    lead: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Cell, ...]],
    empty: str,
) -> View:
    drawn = tuple(rows)
    return View(key, title, lead if drawn else "", columns, drawn, empty)


def _count(number: int) -> Cell:
    return Cell(f"{number:,}", number)


def _size(octets: int) -> Cell:
    return Cell(format_size(octets), octets)


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{share:.1%}".replace("%", " %").replace(".0 ", " ")
