"""What comes again after it was disposed of: a new deposit, and it is said so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from preservation.catalogue.protocol import Catalogue
from preservation.model.digest import Digest
from preservation.model.finding import Finding, Severity
from preservation.model.replica import VersionKey


class Payload(Protocol):
    """What is known of a payload once it was read."""

    @property
    def content_digest(self) -> Digest: ...


def disposed_before(catalogue: Catalogue, key: VersionKey, payload: Payload) -> Iterator[Finding]:
    """A remark where this content was held once and was disposed of."""
    before = catalogue.disposed_content(key.community, payload.content_digest)
    if before is not None:
        yield Finding(
            "DEP-DISPOSED-BEFORE",
            str(key),
            f"this content was held as {before.key} and disposed of on "
            f"{before.disposed_at:%Y-%m-%d}; it is taken in as a new deposit",
            "nothing to do, if it was meant to come again",
            Severity.WARNING,
        )
