"""Identifiers of a deposit against the policy, and against the AIPs that have them already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from preservation.catalogue.holding import hold
from preservation.catalogue.protocol import Catalogue
from preservation.errors import BusyError
from preservation.model.clock import Clock
from preservation.model.finding import Finding
from preservation.model.identifier import Identifier
from preservation.model.replica import VersionKey
from preservation.policy.policy import Policy

_EXAMPLES = {
    "doi": "doi:10.57760/sciencedb.06290",
    "cstr": "CSTR:31253.11.sciencedb.06290",
    "ark": "ark:12345/x9",
    "handle": "hdl:20.500.12345/6",
    "local": "local:KB-1873",
}

RUNNING = "wait until that run has ended, then deposit it again: nothing was lost"


def lacking(policy: Policy, identifiers: Sequence[Identifier]) -> Iterator[Finding]:
    """What the policy requires a deposit to be called, and what it is not."""
    have = {one.scheme for one in identifiers}
    for scheme in policy.intake.identifiers.required:
        if scheme not in have:
            yield Finding(
                "DEP-IDENTIFIER-MISSING",
                scheme.upper(),
                f"this community asks for a {scheme.upper()}, and the deposit names none",
                f"write External-Identifier: {_EXAMPLES[scheme]} into bag-info.txt, or give it in "
                "datacite.json, datacite.xml or ro-crate-metadata.json",
            )


@contextmanager
def claimed(
    catalogue: Catalogue, clock: Clock, key: VersionKey, identifiers: Sequence[Identifier]
) -> Iterator[tuple[Finding, ...]]:
    """Hold identifiers while they are given to an AIP; yields what is in the way.

    Raises:
        BusyError: another run gives one of them right now.
    """
    with ExitStack() as held:
        for name in sorted(f"identifier:{key.community}:{one.key}" for one in identifiers):
            if held.enter_context(hold(catalogue, name, clock)) is None:
                raise BusyError(
                    f"{name}: another run takes in a deposit of this identifier", hint=RUNNING
                )
        yield tuple(
            Finding(
                "DEP-IDENTIFIER-TAKEN",
                row.identifier.shown,
                f"it belongs to AIP {row.aip} already, and an identifier belongs to one AIP",
                "send identifiers of this data set alone; only an identifier of a scheme in the "
                "policy's lineage adds a version to its AIP",
            )
            for row in catalogue.identified(key.community, identifiers)
            if row.aip != key.aip
        )
