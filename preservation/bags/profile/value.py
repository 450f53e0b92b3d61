"""A BagIt Profile as a value.

Source: BagIt Profiles Specification 1.4.0, https://bagit-profiles.github.io/bagit-profiles-specification/
"""

from __future__ import annotations

from enum import Enum

from preservation.model.deferred import dataclass


class Serialization(Enum):
    """Whether a bag comes as one file; the value is the profile's own word."""

    FORBIDDEN = "forbidden"
    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class ElementRule:
    """What a profile says of one element of ``bag-info.txt``.

    Attributes:
        label: compared without regard to case, as RFC 8493 section 2.2.2 has it.
        values: those that are accepted; empty for any.
    """

    label: str
    required: bool = False
    recommended: bool = False
    repeatable: bool = True
    values: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile asks of a bag. ``None`` in place of a list: nothing is said, so all may be.

    Attributes:
        identifier: the URI that bags name.
        also_known_as: URIs that count as ``identifier``: ours, the specification has no such list.
        manifests_required: algorithms, as the profile spells them; so the lists beside it.
        tag_files_allowed: glob patterns of paths relative to the bag; so ``payload_allowed``.
        payload_required: paths relative to the bag; a folder ends with a slash.
        data_empty: the payload is to be no file, or one without a byte.
        accept_serialization: MIME types.
    """

    identifier: str
    also_known_as: tuple[str, ...] = ()
    elements: tuple[ElementRule, ...] = ()
    manifests_required: tuple[str, ...] = ()
    manifests_allowed: tuple[str, ...] | None = None
    tag_manifests_required: tuple[str, ...] = ()
    tag_manifests_allowed: tuple[str, ...] | None = None
    tag_files_required: tuple[str, ...] = ()
    tag_files_allowed: tuple[str, ...] | None = None
    payload_required: tuple[str, ...] = ()
    payload_allowed: tuple[str, ...] | None = None
    allow_fetch: bool = True
    fetch_required: bool = False
    data_empty: bool = False
    serialization: Serialization = Serialization.OPTIONAL
    accept_serialization: tuple[str, ...] = ()
    accept_versions: tuple[str, ...] = ()
