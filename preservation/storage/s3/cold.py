"""Objects that have to be recalled before they can be read (Glacier and its like).

Nothing here waits. Whoever needs such an object asks for it once, is told by when it can be
read, and comes back.

Source: Amazon S3 API Reference, RestoreObject; HeadObject, ``x-amz-restore``.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from preservation.errors import ColdError
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.storage.recall import Recall
from preservation.storage.s3.failures import code_of, refusals
from preservation.storage.s3.listing import Object
from preservation.storage.s3.place import S3Place

CLASS = "GLACIER"
_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RecallRules:
    """How a tier's objects are brought back.

    Attributes:
        retrieval: how long it takes, as the tier declares it.
        keep: how long what was brought back can be read; whole days, as services count them.
    """

    retrieval: timedelta
    keep: timedelta
    speed: str
    clock: Clock

    @property
    def days(self) -> int:
        """``keep`` in days, at least one."""
        return max(1, math.ceil(self.keep / _DAY))


def is_cold(what: Object, storage_class: str) -> bool:
    """Whether an object can't be read now, by what the service says of it."""
    archived = what.storage_class in _COLD | {storage_class}
    return archived and not is_recalled(what)


def is_recalled(what: Object) -> bool:
    """Whether what is read is a copy that was brought back."""
    return 'ongoing-request="false"' in what.restore


def is_under_way(what: Object) -> bool:
    """Whether somebody has asked for it already."""
    return 'ongoing-request="true"' in what.restore


def cold_error(tier: str, what: Object) -> ColdError:
    """What is said of an object that can't be read now."""
    words = "is being recalled" if is_under_way(what) else "has to be recalled before it is read"
    return ColdError(
        f"tier {tier}: {what.name} {words} ({what.storage_class})",
        hint=f"`preserve tier recall --tier {tier}` asks for it; an audit does so by itself",
    )


def recall(place: S3Place, what: Object, rules: RecallRules) -> Recall:
    """Ask for an object; says whether that was new, and by when it can be read.

    Where somebody asked before, and nobody here knows when, it is ready no later than if it
    had been asked for now.
    """
    ready_by: datetime = rules.clock.now() + rules.retrieval
    asked = not is_under_way(what) and _ask(place, what, rules)
    return Recall(asked, ready_by, rules.days, rules.speed)


def _ask(place: S3Place, what: Object, rules: RecallRules) -> bool:
    request: dict[str, Any] = {
        "Days": rules.days,
        "GlacierJobParameters": {"Tier": rules.speed.capitalize()},
    }
    with place.errors():
        try:
            place.client.restore_object(**place.about(what.name), RestoreRequest=request)
        except refusals() as error:
            if code_of(error) not in ("RestoreAlreadyInProgress", "ObjectAlreadyInActiveTierError"):
                raise
            return False
    return True
