"""Judge: what a community's policy says to a file's format."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.model.finding import Finding
from preservation.model.identification import Identification
from preservation.model.names import display
from preservation.policy.policy import FormatRules


def judge(path: bytes, found: Identification, rules: FormatRules) -> Iterator[Finding]:
    """Everything that the policy has against one payload file.

    Args:
        path: below the payload.
    """
    subject = display(path)
    if found.puid in rules.refused or (found.mime and found.mime in rules.refused):
        name = found.name or found.mime
        yield Finding(
            "DEP-FORMAT-REFUSED",
            subject,
            f"{name} ({found.puid or found.mime}) is a format that this community refuses",
            "convert it to one of: " + ", ".join(rules.preferred),
        )
    if rules.refuse_unidentified and not found.puid:
        yield Finding(
            "DEP-FORMAT-UNKNOWN",
            subject,
            "its format could not be identified, and this community asks that it can",
            "deposit it in a format that PRONOM knows",
        )
