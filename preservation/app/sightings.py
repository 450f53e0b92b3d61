"""What a tier's own worker saw of it, where nobody else can look.

Where each tier has workers of its own, they alone have its keys, or stand where it is mounted. What
they see is noted in the home, so that the standing, which is looked at elsewhere, knows of it for
a while. It is derived: without it the tier could not be looked at, which is told.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from preservation.app.home import Home
from preservation.errors import NotNowError
from preservation.files import durable
from preservation.model.canonical import canonical, digest_of
from preservation.model.clock import Clock, parse_stamp, stamp
from preservation.policy.policy import TierSpec

FRESH = timedelta(minutes=95)  # looked at every half hour: two looks may be missed
_SCHEMA = "samarkand.seen/1"


def note_sighting(home: Home, spec: TierSpec, failure_domain: str, clock: Clock) -> None:
    """Note that a tier was there just now, itself, in this failure domain.

    Raises:
        NotNowError: the home can't be written.
    """
    seen = {"at": stamp(clock.now()), "failure_domain": failure_domain}
    path = _path(home, spec.id)
    with durable.plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    document = {"schema": _SCHEMA, "of": str(digest_of(spec.address)), **seen}
    durable.replace(path, canonical(document) + b"\n")


def forget_sighting(home: Home, tier: str) -> None:
    """Its own worker did not find it there: what was seen before counts no more."""
    with suppress(NotNowError, OSError):
        _path(home, tier).unlink(missing_ok=True)


def sighting(home: Home, spec: TierSpec, clock: Clock) -> str | None:
    """The failure domain that was seen lately at the place where the tier is declared to be."""
    try:
        said = json.loads(_path(home, spec.id).read_bytes())
        known = said["schema"] == _SCHEMA and said["of"] == str(digest_of(spec.address))
        age = clock.now() - parse_stamp(said["at"])
        return str(said["failure_domain"]) if known and -FRESH < age < FRESH else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(home: Home, tier: str) -> Path:
    return home.path / "cache" / "seen" / f"{tier}.json"
