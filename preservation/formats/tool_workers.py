"""The processes that the format tools live in: light enough to be started before anything that a
command loads, since they take longest to get ready.
"""

from __future__ import annotations

import os
from typing import Self

from preservation.files.temporary import temporary_folder
from preservation.files.workers import WorkerPool, WorkerSettings
from preservation.formats.request import STAGING

FEW = 200  # files that one worker is at before another would have started and caught up
# Most of what taking in a deposit costs is to say what its files are; one worker would let the
# other cores wait. More than two would be in the way of copying, and each holds up to 250 MB.
_MOST = 2
_WRITTEN = 8 << 20  # octets: an excerpt of a large file, in memory


class ToolWorkers:
    """Workers for one :class:`preservation.formats.identifier.FormatIdentifier`.

    Args:
        workers: processes, each of up to 250 MB. The first starts when it is asked, the others
            once there are many files: a start costs as much as some hundred of them.

    Attributes:
        pool: asks them.
        workers: how many there may be.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._staging = temporary_folder("samarkand-formats-")
        # A worker asks about one file at a time: more threads of Go would only look for work.
        environment = {STAGING: self._staging.name, "GOMAXPROCS": "1"}
        settings = WorkerSettings(written=_WRITTEN, environment=environment)
        self.pool = WorkerPool("preservation.formats.worker", workers, settings)

    def expect(self, files: int) -> None:
        """Hear how many files will be asked about, so that workers get ready meanwhile."""
        self.pool.begin(self.workers if files > FEW else 1)

    def leave(self) -> None:
        """Hear that nothing more will be asked; what ends takes none of its asker's time then."""
        self.pool.leave()

    def close(self) -> None:
        """Stop the workers; waits for calls that are under way."""
        self.pool.close()
        self._staging.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def workers_here() -> int:
    """How many workers are worth having beside whoever copies what they look into."""
    return min(_MOST, len(os.sched_getaffinity(0)))
