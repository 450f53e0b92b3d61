"""Whether the catalogue is of today: it knows the journal's last event, and the clock comes after
that.

A catalogue restored from a backup knows nothing of what happened since: it would call missing
what was retired, and record what was over long ago. So nothing acts on it; it is made again from
tiers and journal, which lose nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from preservation.errors import CatalogueBehindError, NotNowError, SamarkandError
from preservation.ledger.journal import FileJournal
from preservation.model.clock import Clock, stamp

SKEW = timedelta(hours=1)  # that the clocks of an archive's machines may differ


class Remembers(Protocol):
    """What is asked of a catalogue."""

    def knows(self, id: str) -> bool: ...


def out_of_date(catalogue: Remembers, journal: FileJournal) -> SamarkandError | None:
    """Why nothing may act on this catalogue; None if it may.

    A journal that cannot be read now says nothing about the catalogue.
    """
    try:
        last = journal.newest()
    except (NotNowError, OSError):
        return None
    if last is None or catalogue.knows(last.id):
        return None
    return CatalogueBehindError(
        f"the catalogue is older than the journal: it does not know {last.type.value} of "
        f"{stamp(last.at)}; was it restored from a backup?",
        hint="run `preserve catalogue rebuild`: it makes the catalogue again from tiers and "
        "journal; until then nothing is done and nothing is recorded",
    )


def clock_is_behind(journal: FileJournal, clock: Clock) -> str:
    """A sentence, if the clock says less than the journal's last event; else empty.

    Not a reason to stop: the order of events is that of their recording, whatever their times.
    """
    try:
        last = journal.newest()
    except (NotNowError, OSError):
        return ""
    now = clock.now()
    if last is None or last.at <= now + SKEW:
        return ""
    return (
        f"the clock says {stamp(now)}, but the journal's last event is of {stamp(last.at)}: set "
        "the clock; checks dated later than now are made again, since nobody knows their age"
    )
