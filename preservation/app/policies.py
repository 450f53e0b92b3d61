"""Policy files read, and put in force with an event each."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from preservation.app.apart import expect_apart
from preservation.app.applied import record_applied
from preservation.app.home import Home
from preservation.app.moving import expect_same_tiers
from preservation.app.places import SOURCE, environment
from preservation.app.policy_files import files_in, octets_of
from preservation.catalogue.sql import open_catalogue
from preservation.errors import UsageError
from preservation.files import durable
from preservation.formats.groups import known_groups
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles, active_digests
from preservation.model.clock import Clock
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.policy.check import Checked, check
from preservation.policy.compare import edited
from preservation.policy.policy import Policy, TierSpec
from preservation.storage.open import make_tier

_PENDING = 100_000  # undrained events that are looked at


def read_policies(folder: Path, instead: Sequence[Path] = (), *, alone: bool = False) -> Checked:
    """Read and check the policy files of a folder.

    Args:
        instead: files that take the place of those of the same name, or are added.
        alone: no other community's file is read, only what all of them share.

    Raises:
        UsageError: there is no such folder (``POL-NO-FILES``), or a file cannot be read.
    """
    replaced = {path.name for path in instead}
    shared = ("tiers.yaml", "baseline.yaml")
    kept = [path for path in files_in(folder) if path.name in shared or not alone]
    paths = [path for path in kept if path.name not in replaced]
    return check({str(path): octets_of(path) for path in (*paths, *instead)}, known_groups())


def edited_in(store: PolicyFiles, folder: Path) -> list[str]:
    """Communities whose files in a folder say something else than what is in force.

    Raises:
        UsageError: as :func:`read_policies`.
    """
    return edited(active_digests(store.in_force()), read_policies(folder))


def apply_policies(
    home: Home,
    checked: Checked,
    by: str,
    reason: str,
    clock: Clock,
    *,
    consent: str = "",
    plan: Mapping[str, Any] | None = None,
    expected: Mapping[str, Digest] | None = None,
    pausing: Collection[str] = (),
) -> list[str]:
    """Put checked policies in force, with an event each; makes tiers and inboxes that are new.

    Args:
        consent: who agreed to promises becoming weaker.
        plan: what it is expected to do; kept as evidence.
        expected: what is to be in force until now; by default what is.
        pausing: communities in force for which nothing is done by itself any more.

    Returns:
        The communities whose policy changed.

    Raises:
        BusyError: somebody else applied meanwhile (``POL-STALE``).
        PolicyError: a tier or an inbox really lies in another place (``POL-PLACES``).
        NotNowError: a place does not answer (``POL-PLACE-SILENT``).
    """
    store = PolicyFiles(home.policies)
    if expected is None:
        expected = active_digests(store.in_force())
    tiers: dict[str, TierSpec] = {}
    policies = [Policy.from_effective(document) for document in checked.effective.values()]
    expect_apart(home, policies)
    for policy in policies:
        tiers.update(policy.tiers)
        with durable.plain_errors(home.path):
            (home.path / policy.intake.inbox).mkdir(parents=True, exist_ok=True)
    with closing(open_catalogue(home.catalogue_url)) as catalogue:
        expect_same_tiers(home, store, tiers, catalogue)
        for spec in tiers.values():
            if spec.kind != SOURCE:
                make_tier(spec, home.path, environment())
        lines = store.apply(
            checked.effective,
            by,
            reason,
            clock.now(),
            expected,
            consent=consent,
            plan=plan,
            pausing=pausing,
        )
        record_applied(store, catalogue)
    return [line.community for line in lines]


def recover_policies(home: Home) -> list[str]:
    """Make a lost or damaged ``in-force.json`` again, from the amendments in the store and the
    events that say which of them governed last.

    Returns:
        The communities that policies govern now.

    Raises:
        UsageError: no event names an amendment (``POL-NOTHING-TO-RECOVER``), or the store lacks
            what one names: put it back from a tier's ``policies/`` first.
    """
    newest = ""
    catalogue = open_catalogue(home.catalogue_url)
    try:
        pending = [Event.from_json(json.loads(body)) for body in catalogue.outbox(_PENDING)]
    finally:
        catalogue.close()
    for event in (*FileJournal(home.journal).events(), *pending):
        if event.type is EventType.POLICY_ASSIGNMENT:
            newest = str(event.detail.get("amendment", "")) or newest
    if not newest:
        raise UsageError(
            "no event in the journal tells of an amendment",
            hint="run `preserve policy apply`: the policy files are put in force anew",
            code="POL-NOTHING-TO-RECOVER",
        )
    return sorted(PolicyFiles(home.policies).recover(Digest.parse_tagged(newest)))
