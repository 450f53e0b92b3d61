"""The packages that a Storage Service lists, page by page, within bounds.

Source: Archivematica Storage Service API, ``GET api/v2/file/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from preservation.errors import TierUnavailableError
from preservation.model.names import display
from preservation.storage.archivematica.service import StorageService
from preservation.storage.source import Package

MOST = 200_000  # packages of one service that we list
_PATH = "api/v2/file/"
_MOST_OCTETS = 1 << 53  # what JSON's numbers carry exactly
_TEXT = 200  # characters of a word that we keep
_OURS = {"username", "api_key"}  # the service echoes them; ours go as a header


def packages(service: StorageService) -> Iterator[Package]:
    """Every package, in the service's order.

    Raises:
        TierUnavailableError: the listing can't be had, or isn't one; nothing is concluded.
    """
    seen: set[bytes] = set()
    query: dict[str, str] = {}
    while True:
        document = service.json(_PATH, query)
        rows, following = _page(service, document)
        fresh = 0
        for row in rows:
            package = _package(service, row)
            identity = UUID(package.uuid).bytes
            if identity not in seen:
                fresh += 1
                seen.add(identity)
                yield package
        if len(seen) > MOST:
            raise service.unavailable(f"it lists more than {MOST} packages", _NEXT)
        if following is None:
            return
        if not fresh or following == query:
            raise service.unavailable("its listing repeats itself", _NEXT)
        query = following


_NEXT = "ask whoever runs it; nothing was concluded from this listing"


def _page(service: StorageService, document: Any) -> tuple[list[Any], dict[str, str] | None]:
    """The rows of one page, and what to ask for the next one; None after the last."""
    try:
        rows, following = document["objects"], document["meta"]["next"]
    except (KeyError, TypeError) as error:
        raise _malformed(service, "a page without objects or meta.next") from error
    if not isinstance(rows, list) or not isinstance(following, str | None):
        raise _malformed(service, "a page that is not made as the API says")
    if following is None:
        return rows, None
    # Only what it asks is taken from the address: never its host, path or keys.
    try:
        asked = parse_qsl(urlsplit(following).query, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise _malformed(service, "a meta.next that is no address") from error
    return rows, {name: value for name, value in asked if name not in _OURS}


def _package(service: StorageService, row: Any) -> Package:
    try:
        uuid = str(UUID(row["uuid"]))
        kind, status = row["package_type"], row["status"]
        size = row.get("size")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(service, "a package without UUID, type or status") from error
    if not isinstance(kind, str) or not isinstance(status, str):
        raise _malformed(service, f"package {uuid}: a type or status that is no text")
    counts = isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= _MOST_OCTETS
    return Package(uuid, _plain(kind), _plain(status), size if counts else None)


def _plain(text: str) -> str:
    """A word of somebody else's, safe to keep and to show."""
    return display(text[:_TEXT].encode("utf-8", "replace"))


def _malformed(service: StorageService, words: str) -> TierUnavailableError:
    return service.unavailable(f"its listing has {words}", _NEXT)
