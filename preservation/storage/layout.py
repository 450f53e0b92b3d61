"""What every kind of tier has alike: the marker, the documents beside it, names that may be given.

Source: ``docs/formats/tier.md``, "Layout".
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from preservation.errors import MalformedError, SamarkandError, UsageError
from preservation.model.canonical import canonical
from preservation.model.names import is_safe
from preservation.storage.steps import KEPT_NAME, TIER_DOCUMENTS

MARKER_SCHEMA = "samarkand.tier/1"


def marker(id: str) -> bytes:
    """The document that makes a place this tier."""
    return canonical({"schema": MARKER_SCHEMA, "id": id}) + b"\n"


def other_tier(place: str) -> UsageError:
    """What is said of a place that is to become a tier, and is another one."""
    return UsageError(
        f"{place!r} is another tier already",
        hint="give the tier a place of its own, or mend tiers.yaml",
        code="TIER-OTHER",
    )


def documents() -> Iterator[tuple[str, bytes]]:
    """How to read a tier without us: name and octets of each document beside the marker."""
    folder = resources.files("preservation.storage") / "documents"
    for name, source in TIER_DOCUMENTS.items():
        yield name, (folder / source).read_bytes()


def check_kept_name(name: str) -> None:
    """Raise ``MalformedError`` unless a document can be kept under this name."""
    if not KEPT_NAME.fullmatch(name):
        raise MalformedError(f"not a name to keep a document under: {name!r}")


def kept_differs(tier: str, name: str) -> SamarkandError:
    """What is said of a kept document that is to become another."""
    return SamarkandError(
        f"tier {tier}: {name!r} is kept with other octets",
        hint="compare the two by hand; neither was changed",
        code="TIER-KEPT-DIFFERS",
    )


def no_rehearsal(tier: str) -> SamarkandError:
    """What is said to whoever wants to do harm to a real tier."""
    return SamarkandError(
        f"tier {tier} is no rehearsal: nothing on it is ever harmed",
        hint="this is a defect of ours: please report it",
        code="TIER-NO-REHEARSAL",
    )


def check_stamp(stamp: str) -> None:
    """Raise ``MalformedError`` unless what a repair replaces can be kept under this stamp."""
    if "/" in stamp or not is_safe(stamp.encode()):
        raise MalformedError(f"not a stamp: {stamp!r}")
