"""Contents that are there more than once: equal in size first, then in SHA-256."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from preservation.fixity.engine import EngineSettings, Reading, measure
from preservation.ingest.survey_findings import Tally
from preservation.ingest.survey_result import DuplicateRow, Duplicates, SurveySettings
from preservation.ingest.survey_spool import Spool
from preservation.model.deferred import dataclass
from preservation.model.digest import Algorithm
from preservation.model.names import display
from preservation.model.progress import Progress

_SHOWN = 5  # paths per content


@dataclass(slots=True)
class _Budget:
    """Lets files through until they hold more octets than may be read."""

    octets: int
    read: int = 0
    left_out: int = 0

    def within(self, files: Iterator[tuple[bytes, int]]) -> Iterator[bytes]:
        for path, octets in files:
            if self.read + octets > self.octets:
                self.left_out += 1
                continue
            self.read += octets
            yield path


def find(
    root: Path, spool: Spool, settings: SurveySettings, tally: Tally, progress: Progress
) -> Duplicates:
    """Read files that share their size, those first where most can be saved."""
    budget = _Budget(settings.compare)
    progress.begin("looking for duplicates", None)
    engine = EngineSettings(workers=settings.workers)
    wanted = budget.within(spool.same_size())
    for one in measure(root, wanted, [Algorithm.SHA256], engine, progress):
        if one.reading is Reading.READ:
            spool.note_hash(one.path, one.octets, one.digests[Algorithm.SHA256])
        else:
            tally.add("SUR-UNREADABLE", one.path, note=one.reason)
    rows: list[DuplicateRow] = []
    files = octets = 0
    for value, size, copies in spool.duplicates():
        files += copies - 1
        octets += size * (copies - 1)
        if len(rows) < settings.rows:
            paths = tuple(display(path) for path in spool.with_hash(value, _SHOWN))
            rows.append(DuplicateRow(size, copies, paths))
    return Duplicates(tuple(rows), files, octets, budget.read, budget.left_out)
