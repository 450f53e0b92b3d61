"""What comes again after it was disposed of: by a person's hand alone, and it is said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from preservation.catalogue.protocol import Catalogue
from preservation.model.digest import Digest
from preservation.model.finding import Finding, Severity
from preservation.model.replica import VersionKey


class Payload(Protocol):
    """What is known of a payload once it was read."""

    @property
    def content_digest(self) -> Digest: ...


CODE = "DEP-DISPOSED-BEFORE"


def disposed_before(
    catalogue: Catalogue, key: VersionKey, payload: Payload, *, by_hand: bool
) -> Iterator[Finding]:
    """Whether this content was held once and was disposed of: then only a person takes it in
    again, who is told. An inbox may still hold it for no reason but that nobody took it away.
    """
    before = catalogue.disposed_content(key.community, payload.content_digest)
    if before is None:
        return
    held = f"this content was held as {before.key} and disposed of on {before.disposed_at:%Y-%m-%d}"
    if by_hand:
        yield Finding(
            CODE,
            str(key),
            f"{held}; it is taken in as a new deposit",
            "nothing to do, if it was meant to come again",
            Severity.WARNING,
        )
    else:
        yield Finding(
            CODE,
            key.aip,
            held,
            "take it out of the inbox; or, if it is to be kept again, `preserve ingest` names it",
        )


def is_refused_for_it(receipt: Mapping[str, Any]) -> bool:
    """Whether a deposit was rejected because its content was disposed of before."""
    return any(finding.get("code") == CODE for finding in receipt.get("findings", ()))
