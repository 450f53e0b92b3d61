"""Policy files read, and put in force with an event each."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from preservation import __version__
from preservation.app.apart import expect_apart
from preservation.app.home import Home
from preservation.app.moving import expect_same_tiers
from preservation.app.places import SOURCE, environment
from preservation.catalogue.protocol import Catalogue
from preservation.catalogue.sql import open_catalogue
from preservation.errors import NotNowError, UsageError
from preservation.files import durable
from preservation.formats.groups import known_groups
from preservation.ledger.journal import FileJournal
from preservation.ledger.policies import PolicyFiles, active_digests, edited
from preservation.model.clock import Clock
from preservation.model.digest import Digest
from preservation.model.event import Event, EventType
from preservation.policy.check import Checked, check
from preservation.policy.policy import Policy, TierSpec
from preservation.storage.open import make_tier

_PENDING = 100_000  # undrained events that are looked at
_MOST = 16 << 20  # octets read of a file; what is longer than a policy may be is told by its check


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
    kept = [path for path in _files(folder) if path.name in shared or not alone]
    paths = [path for path in kept if path.name not in replaced]
    return check({str(path): _bytes(path) for path in (*paths, *instead)}, known_groups())


def _files(folder: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith((".yaml", ".yml")))
    except OSError as error:
        raise UsageError(
            f"the policies in {folder} cannot be read: {error.strerror}",
            hint="--policies or PRESERVATION_POLICIES names the folder",
            code="POL-NO-FILES",
        ) from error
    return [folder / name for name in names]


def _bytes(path: Path) -> bytes:
    """A policy file's bytes, as far as any policy goes; never waits for a pipe or a device."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise UsageError(
                    f"{path} is no regular file",
                    hint="name a policy file, or take it out of the folder",
                    code="POL-NO-FILES",
                )
            return file.read(_MOST)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}",
            hint="name a policy file that you may read",
            code="POL-NO-FILES",
        ) from error


def edited_policies(store: PolicyFiles, folder: Path) -> list[str]:
    """Communities whose files say something else than what is in force.

    Files that were found to say just that are known again by their bytes: of a thousand
    communities, a thousand files need not be checked by every command.

    Raises:
        UsageError: there is no such folder, or a file cannot be read (``POL-NO-FILES``).
    """
    seen = f"{__version__} {_fingerprint(folder)}"
    if store.is_unedited(seen):
        return []
    found = edited(store, read_policies(folder))
    if not found:
        with suppress(NotNowError):  # it is a note for the next command, no more
            store.note_unedited(seen)
    return found


def _fingerprint(folder: Path) -> str:
    """A digest of the names and bytes of all policy files."""
    whole = hashlib.sha256()
    for path in _files(folder):
        data = _bytes(path)
        whole.update(f"{path.name}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
        whole.update(data)
    return whole.hexdigest()


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


def record_applied(store: PolicyFiles, catalogue: Catalogue) -> None:
    """Record the events of what is in force and was not recorded: an ``apply`` that was killed
    after its change governed is completed by whichever command opens the home next.
    """
    pending = store.unrecorded()
    for amendment in pending:
        catalogue.record(amendment.events())
    if pending:
        store.recorded(pending[-1].digest)
