"""Takes one AIP version away from a bucket, and confirms it by listing.

In a bucket with versions a plain removal only hides: so every version of every object of the AIP
version is named and removed, the markers of earlier removals too, and uploads that were begun.
The sidecar goes first. What a lock holds stays, and it is said until when.

Source: Amazon S3 API Reference, ListObjectVersions, DeleteObject, GetObjectRetention.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from preservation.model.deferred import dataclass
from preservation.model.replica import VersionKey
from preservation.storage.layout import kept_differs
from preservation.storage.s3.failures import ABSENT, code_of, refusals
from preservation.storage.s3.place import S3Place
from preservation.storage.tier import Removed

_UNKNOWN = frozenset({"NotImplemented", "MethodNotAllowed", "405", "501"})
_REFUSED = frozenset(
    {"AccessDenied", "403", "InvalidRequest", "ObjectLocked", "OperationAborted", "400"}
)


@dataclass(frozen=True, slots=True)
class _Lying:
    """One version of an object; ``version`` is empty where the bucket has no versions."""

    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class _Locked:
    """Why an object's version can't be removed now; ``until`` is None where no end is set."""

    until: datetime | None
    reason: str


def tombstone(place: S3Place, key: VersionKey, data: bytes) -> None:
    """See ``storage.tier.Tier.tombstone``."""
    if not place.create(key.tombstone, data) and place.get(key.tombstone) != data:
        raise kept_differs(place.id, key.tombstone)


def remains(place: S3Place, key: VersionKey) -> tuple[str, ...]:
    """See ``storage.tier.Tier.remains``."""
    place.check()
    prefix = _prefix(key)
    objects = {one.name for one in _lying(place, key)}
    uploads = {f"{name} (an upload)" for name, _ in place.uploads(prefix)}
    return tuple(sorted(objects | uploads, key=lambda name: (name != key.sidecar, name)))


def remove(place: S3Place, key: VersionKey) -> Removed:
    """See ``storage.tier.Tier.remove``."""
    place.check()
    locked: list[_Locked] = []
    for one in [*_lying(place, key)]:
        found = _take_away(place, one)
        if found is not None:
            locked.append(found)
    with place.errors():
        for name, upload in [*place.uploads(_prefix(key))]:
            place.client.abort_multipart_upload(**place.about(name), UploadId=upload)
    ends = [one.until for one in locked if one.until is not None]
    reason = locked[0].reason if locked else ""
    return Removed(remains(place, key), max(ends, default=None), reason)


def _prefix(key: VersionKey) -> str:
    """What every name of a version in a bucket begins with, and no other version's does."""
    return f"{key.folder}/v{key.version}."


def _lying(place: S3Place, key: VersionKey) -> list[_Lying]:
    """Every version of every object but the tombstone, the sidecar's first; of a service without
    versions, every object.
    """
    with place.errors():
        found = [one for one in _versions(place, _prefix(key)) if one.name != key.tombstone]
    named = {one.name for one in found}
    plain = (one.name for one in place.list(_prefix(key)))
    found += [_Lying(name) for name in plain if name not in {*named, key.tombstone}]
    return sorted(found, key=lambda one: (one.name != key.sidecar, one.name))


def _versions(place: S3Place, prefix: str) -> Iterator[_Lying]:
    """All versions, then the markers of removals; nothing where the service knows of none."""
    skip = len(place.address.prefix)
    markers: list[_Lying] = []
    try:
        for page in place.listing.pages("list_object_versions", prefix):
            for each in page.get("Versions", ()):
                yield _Lying(each["Key"][skip:], each.get("VersionId") or "")
            markers += [
                _Lying(each["Key"][skip:], each.get("VersionId") or "")
                for each in page.get("DeleteMarkers", ())
            ]
    except refusals() as error:
        if code_of(error) not in _UNKNOWN:
            raise
    yield from markers


def _take_away(place: S3Place, one: _Lying) -> _Locked | None:
    """Remove one version of an object; why not, where a lock holds it.

    Raises:
        TierUnavailableError: the service, or the right to remove, is in the way.
    """
    about: dict[str, Any] = {**place.about(one.name)}
    if one.version:
        about["VersionId"] = one.version
    with place.errors():
        try:
            place.client.delete_object(**about)
        except refusals() as error:
            if code_of(error) in ABSENT:
                return None
            locked = _lock(place, about) if code_of(error) in _REFUSED else None
            if locked is None:
                raise
            return locked
    return None


def _lock(place: S3Place, about: dict[str, Any]) -> _Locked | None:
    """The lock on a version of an object, if there is one."""
    name, client = str(about["Key"]), place.client
    said = _asked(client.head_object, about)
    held = said.get("ObjectLockLegalHoldStatus") or _asked(client.get_object_legal_hold, about).get(
        "LegalHold", {}
    ).get("Status")
    if held == "ON":
        return _Locked(None, f"{name}: a legal hold lies on it")
    until = said.get("ObjectLockRetainUntilDate")
    kept = {} if until else _asked(client.get_object_retention, about).get("Retention", {})
    until, mode = until or kept.get("RetainUntilDate"), said.get("ObjectLockMode", kept.get("Mode"))
    if until is None:
        return None
    until = until.astimezone(UTC)
    return _Locked(until, f"{name}: locked ({mode}) until {until:%Y-%m-%d %H:%M} UTC")


def _asked(ask: Any, about: dict[str, Any]) -> dict[str, Any]:
    """An answer about a lock; nothing where there is none, or nobody may ask."""
    try:
        answer: dict[str, Any] = ask(**about)
    except refusals():
        return {}
    return answer
