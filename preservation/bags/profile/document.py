"""Writes a BagIt Profile: what a bag has to be, as a document to publish.

Source: BagIt Profiles Specification 1.4.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from preservation.bags.findings import Findings
from preservation.bags.profile.media import media_type
from preservation.bags.profile.parse import parse_profile
from preservation.bags.profile.value import ElementRule, Serialization
from preservation.errors import MalformedError
from preservation.model.digest import Algorithm

SPECIFICATION = "1.4.0"


def profile_document(
    *,
    identifier: str,
    version: str,
    organization: str,
    description: str,
    contact_name: str = "",
    contact_email: str = "",
    elements: Iterable[ElementRule] = (),
    manifests_required: Iterable[Algorithm] = (),
    manifests_allowed: Iterable[Algorithm] | None = None,
    tag_manifests_required: Iterable[Algorithm] = (),
    tag_manifests_allowed: Iterable[Algorithm] | None = None,
    tag_files_required: Iterable[str] = (),
    tag_files_allowed: Iterable[str] | None = None,
    payload_required: Iterable[str] = (),
    payload_allowed: Iterable[str] | None = None,
    allow_fetch: bool = False,
    serialization: Serialization = Serialization.OPTIONAL,
    serialized_as: Iterable[str] = ("tar", "tar.gz", "zip"),
    bagit_versions: Iterable[str] = ("1.0", "0.97"),
) -> dict[str, Any]:
    """A profile as a JSON object, its members in the order of the specification.

    Args:
        identifier: the URI under which it will be published, and which bags name.
        version: of this profile.
        organization, description: of the profile, not of bags.
        serialized_as: kinds of container: ``tar.gz``.

    Raises:
        MalformedError: the parts contradict each other, or say nothing where they must.
    """
    about = {
        "Source-Organization": organization,
        "External-Description": description,
        "Version": version,
        "BagIt-Profile-Identifier": identifier,
        "BagIt-Profile-Version": SPECIFICATION,
        "Contact-Name": contact_name,
        "Contact-Email": contact_email,
    }
    serialized = serialization is not Serialization.FORBIDDEN
    document = {
        "BagIt-Profile-Info": {name: text for name, text in about.items() if text},
        "Bag-Info": {rule.label: _element(rule) for rule in elements},
        "Manifests-Required": _names(manifests_required),
        "Manifests-Allowed": _names(manifests_allowed),
        "Allow-Fetch.txt": allow_fetch,
        "Serialization": serialization.value,
        "Accept-Serialization": [media_type(kind) for kind in serialized_as] if serialized else [],
        "Accept-BagIt-Version": list(bagit_versions),
        "Tag-Manifests-Required": _names(tag_manifests_required),
        "Tag-Manifests-Allowed": _names(tag_manifests_allowed),
        "Tag-Files-Required": list(tag_files_required),
        "Tag-Files-Allowed": None if tag_files_allowed is None else list(tag_files_allowed),
        "Payload-Files-Required": list(payload_required),
        "Payload-Files-Allowed": None if payload_allowed is None else list(payload_allowed),
    }
    said = {name: value for name, value in document.items() if value is not None}
    _proof_read(said)
    return said


def _element(rule: ElementRule) -> dict[str, Any]:
    said: dict[str, Any] = {"required": rule.required, "repeatable": rule.repeatable}
    if rule.recommended:
        said["recommended"] = True
    if rule.values:
        said["values"] = list(rule.values)
    if rule.description:
        said["description"] = rule.description
    return said


def _names(algorithms: Iterable[Algorithm] | None) -> list[str] | None:
    return None if algorithms is None else [algorithm.value for algorithm in algorithms]


def _proof_read(document: dict[str, Any]) -> None:
    findings = Findings()
    parse_profile(json.dumps(document).encode(), findings)
    wrong = [finding.message for finding in findings.all()]
    if wrong:
        raise MalformedError(f"a profile that nobody could use: {' '.join(wrong)}")
