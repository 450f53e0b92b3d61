"""Survey: a read-only look at any folder, by which an archivist decides.

It needs no home and no policy. Nothing is written but a notebook in the temporary folder;
nothing outside the root is opened; no link is followed; what can't be read is counted and
shown. What was left out, to stay within time, is said in ``limits``.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from preservation.errors import NotNowError, UsageError
from preservation.formats.protocol import Identifier
from preservation.ingest import (
    survey_cost,
    survey_digests,
    survey_duplicates,
    survey_formats,
    survey_walk,
)
from preservation.ingest.survey_findings import Tally
from preservation.ingest.survey_result import Duplicates, Formats, Survey, SurveySettings
from preservation.ingest.survey_spool import Spool, notebook
from preservation.ingest.survey_verdict import judge
from preservation.model.clock import Clock
from preservation.model.names import display
from preservation.model.progress import Progress
from preservation.model.units import format_size


def survey(
    root: Path,
    identifier: Identifier,
    settings: SurveySettings,
    progress: Progress,
    clock: Clock,
) -> Survey:
    """Look at a folder.

    Args:
        root: a folder; it may itself be reached by a link.
        identifier: says what files are.
        settings: how far to look.
        progress: hears what is going on.
        clock: measures; a clock that stands still gives a cost without hours.

    Raises:
        UsageError: there is no folder at the path (``SUR-NO-FOLDER``).
        NotNowError: the folder itself can't be read (``SUR-DENIED``), the format tools can't be
            started, or there is no room for a temporary file.
    """
    root = _folder(root)
    with notebook() as spool:
        return _Run(root, identifier, settings, progress, clock, spool).survey()


class _Run:
    """One survey, step by step."""

    def __init__(
        self,
        root: Path,
        identifier: Identifier,
        settings: SurveySettings,
        progress: Progress,
        clock: Clock,
        spool: Spool,
    ) -> None:
        self._root, self._identifier, self._settings = root, identifier, settings
        self._progress, self._clock, self._spool = progress, clock, spool
        self._tally = Tally(settings.examples)

    def survey(self) -> Survey:
        """Walk, sample, identify, compare; then judge."""
        root, spool, settings, tally = self._root, self._spool, self._settings, self._tally
        started = self._clock.now()
        self._progress.begin("looking at names and sizes", None)
        ground = survey_walk.look(root, spool, tally, self._progress)
        rate = survey_cost.measure_rate(root, spool, self._clock)
        before = self._clock.now()
        self._progress.begin("identifying formats", None)
        formats = survey_formats.identify(
            root, spool, self._identifier, settings, tally, self._progress, self._clock
        )
        naming = (formats.looked_at, self._clock.now() - before)
        supplied = survey_digests.supplied(root, spool, settings, tally, self._progress)
        duplicates = survey_duplicates.find(root, spool, settings, tally, self._progress)
        for inside in filter(None, ground.bags):
            tally.add("SUR-BAG-INSIDE", inside)
        bag = survey_digests.declared_bag(root) if b"" in ground.bags else ""
        totals, findings = ground.totals(tally), tally.findings()
        cost = survey_cost.reckon(rate, naming, totals.files, totals.octets, settings)
        return Survey(
            root=display(os.fsencode(root)),
            at=started,
            seconds=_seconds(started, self._clock.now()),
            verdict=judge(totals, findings, cost, bag),
            totals=totals,
            formats=formats,
            extensions=tuple(spool.extensions()),
            largest=tuple((display(path), size) for path, size in spool.largest(settings.rows)),
            duplicates=duplicates,
            supplied=supplied,
            bag=bag,
            bags_inside=sum(map(bool, ground.bags)),
            containers=ground.containers_seen(),
            cost=cost,
            findings=findings,
            limits=tuple(_limits(formats, duplicates, supplied.covered, settings, ground)),
        )


def _folder(root: Path) -> Path:
    try:
        found = root.resolve(strict=True)
        os.scandir(found).close()
    except PermissionError as error:
        raise NotNowError(
            f"{display(os.fsencode(root))} can't be read: permission denied",
            hint="ask for the right to read it, or run as an account that has it",
            code="SUR-DENIED",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"there is no folder at {display(os.fsencode(root))}",
            hint="give the path of a folder; of a single file, the folder that holds it",
            code="SUR-NO-FOLDER",
        ) from error
    return found


def _seconds(started: datetime, ended: datetime) -> int:
    return round((ended - started).total_seconds())


def _limits(
    formats: Formats,
    duplicates: Duplicates,
    covered: int,
    settings: SurveySettings,
    ground: survey_walk.Ground,
) -> list[str]:
    """What was not looked at, a sentence each."""
    said = []
    if formats.sampled:
        said.append(
            f"Formats were told from {formats.looked_at:,} of {formats.of:,} files; "
            "files and bytes per format are estimates by extension."
        )
    if duplicates.not_compared:
        said.append(
            f"{duplicates.not_compared:,} files that share their size with others were not "
            f"compared, to read no more than {format_size(settings.compare)}."
        )
    if covered and not settings.verify:
        said.append("Digests that lie beside the files were counted, not verified.")
    if formats.looked_at:
        said.append(
            "Whether files are valid was not checked: that is done when they are taken in, if the "
            "policy asks for it."
        )
    if ground.containers:
        said.append("What is inside archives (tar, zip and others) was not looked at.")
    return said
