"""The tiers of a home: opened with their own credentials, and with what was proven of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from preservation.app.home import Home, SystemClock
from preservation.errors import NotNowError
from preservation.files import durable
from preservation.ledger.policies import PolicyFiles
from preservation.model.canonical import canonical, digest_of
from preservation.model.clock import Clock
from preservation.policy.policy import TierSpec
from preservation.storage.credentials import CredentialSource, from_environment
from preservation.storage.open import Surroundings, open_source, open_tier
from preservation.storage.proof import Proof
from preservation.storage.source import Source
from preservation.storage.tier import Tier

SOURCE = "archivematica"
_SCHEMA = "samarkand.proven/1"


def specs_of(store: PolicyFiles) -> dict[str, TierSpec]:
    """Every tier that a policy in force names, as declared there."""
    specs: dict[str, TierSpec] = {}
    for line in store.in_force().values():
        specs.update(store.policy(line.digest).tiers)
    return dict(sorted(specs.items()))


def former_specs(store: PolicyFiles) -> dict[str, TierSpec]:
    """Every tier that a policy ever named, as the last one did that named it."""
    specs: dict[str, TierSpec] = {}
    for amendment in store.history():
        for name in sorted(amendment.communities):
            for id, spec in store.policy(amendment.communities[name].digest).tiers.items():
                specs.setdefault(id, spec)
    return dict(sorted(specs.items()))


def tiers_of(
    home: Home,
    store: PolicyFiles,
    credentials: CredentialSource | None = None,
    clock: Clock | None = None,
    *,
    former: bool = False,
) -> dict[str, Tier]:
    """Every tier that keeps replicas under a policy in force; nothing is asked of them yet.

    Args:
        credentials: by default the process's environment.
        former: those too that only earlier policies named: replicas may be left there.
    """
    specs = {**(former_specs(store) if former else {}), **specs_of(store)}
    around = Surroundings(
        credentials=credentials or environment(),
        clock=clock or SystemClock(),
        proven=lambda tier: proven(home, specs[tier]),
    )
    return {
        name: open_tier(spec, home.path, around)
        for name, spec in specs.items()
        if spec.kind != SOURCE
    }


class Holders(Mapping[str, Tier]):
    """The tiers of a home as sources: also those that only earlier policies named, which are looked
    for when a replica that is left there is wanted.
    """

    def __init__(
        self, tiers: Mapping[str, Tier], every_tier: Callable[[], Mapping[str, Tier]]
    ) -> None:
        self._tiers = tiers
        self._every_tier = every_tier

    def __getitem__(self, name: str) -> Tier:
        return self._tiers[name] if name in self._tiers else self._every_tier()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._every_tier())

    def __len__(self) -> int:
        return len(self._every_tier())


def sources_of(
    home: Home, store: PolicyFiles, credentials: CredentialSource | None = None
) -> dict[str, Source]:
    """The tiers of others that a policy in force has asked for statements."""
    known = credentials or environment()
    return {
        name: open_source(spec, known(spec), home.fixity)
        for name, spec in specs_of(store).items()
        if spec.kind == SOURCE
    }


def environment() -> CredentialSource:
    """The process's environment as a source of credentials."""
    return from_environment(os.environ)


def remember(home: Home, spec: TierSpec, proofs: Sequence[Proof]) -> None:
    """Keep what a check of a tier saw, where opening the tier finds it.

    It is derived: the event has it too. Where it can't be kept, or is deleted, nothing is
    relied on until the next check.
    """
    holds = sorted({one.what for one in proofs if one.holds})
    document = {"schema": _SCHEMA, "of": _address(spec), "holds": holds}
    path = _path(home, spec.id)
    with suppress(NotNowError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.replace(path, canonical(document) + b"\n")


def proven(home: Home, spec: TierSpec) -> Collection[str]:
    """What the last check of a tier saw that its place does; nothing, if it lies elsewhere now."""
    try:
        said = json.loads(_path(home, spec.id).read_bytes())
        if said["schema"] == _SCHEMA and said["of"] == _address(spec):
            return frozenset(map(str, said["holds"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return frozenset()


def _path(home: Home, tier: str) -> Path:
    return home.path / "cache" / "proven" / f"{tier}.json"


def _address(spec: TierSpec) -> str:
    return str(digest_of(spec.address))
