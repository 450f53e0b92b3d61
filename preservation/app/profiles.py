"""A community's policy as a BagIt Profile, so that depositors can check bags before they send them.

The profile accepts what intake accepts, as far as a profile can say it: limits, formats and
viruses it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from preservation.bags.profile.document import profile_document
from preservation.bags.profile.value import ElementRule
from preservation.files.archives.packing import Packing
from preservation.model.digest import Algorithm
from preservation.policy.policy import Policy

_VERSION = "1.0"  # of a profile; its identifier changes with the policy


def deposit_profile(policy: Policy) -> dict[str, Any]:
    """The profile, a JSON object."""
    address = policy.contact if "@" in policy.contact and " " not in policy.contact else ""
    return profile_document(
        identifier=f"urn:samarkand:deposit:{policy.community}:{policy.digest.hex[:16]}",
        version=_VERSION,
        organization=policy.title["en"],
        description=f"Bags for {policy.title['en']} ({policy.community}), by policy {policy.ref}",
        contact_name="" if address else policy.contact,
        contact_email=address,
        elements=_elements(policy),
        manifests_allowed=Algorithm,
        tag_manifests_allowed=Algorithm,
        allow_fetch=policy.intake.fetch.allowed,
        serialized_as=[one.value for one in Packing],
    )


def _elements(policy: Policy) -> Iterator[ElementRule]:
    required = policy.intake.identifiers.required
    asked = {label.lower(): label for label in policy.intake.metadata.bag_info}
    schemes = " and a ".join(scheme.upper() for scheme in required)
    yield ElementRule(
        "External-Identifier",
        required=bool(required) or "external-identifier" in asked,
        description=f"a {schemes}, one in each element" if required else "a DOI, CSTR, ARK, Handle",
    )
    for name, label in asked.items():
        if name != "external-identifier":
            yield ElementRule(label, required=True)
    if "source-organization" not in asked:
        yield ElementRule("Source-Organization", recommended=True)
