"""Access of an open home; apart from retention, which is more to load."""

from __future__ import annotations

from contextlib import suppress

from preservation.access.service import AccessService
from preservation.app.parts import Parts
from preservation.catalogue.protocol import VersionRow
from preservation.errors import SamarkandError
from preservation.model.digest import Digest
from preservation.policy.policy import Policy


def access_of(parts: Parts) -> AccessService:
    """Who gets what out again."""
    return AccessService(parts.catalogue, parts.events, lambda version: _policy_of(parts, version))


def _policy_of(parts: Parts, version: VersionRow) -> Policy | None:
    """The policy in force for a version's community, or the one that it was taken in under."""
    with suppress(SamarkandError):
        return parts.store.governing(version.key.community)
    with suppress(SamarkandError):
        return parts.store.policy(Digest.parse_tagged(version.policy))
    return None
