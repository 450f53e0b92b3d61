"""Places that policies name, where they really lie: none in another, none in the home's own.

The check of policy files compares paths as they are written; here absolute paths into the home and
links are followed, and a folder that is mounted at two places is one. An inbox that lies in a tier
would take replicas for deposits, and release them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from preservation.app.answering import expect_answers
from preservation.app.home import Home
from preservation.errors import PolicyError
from preservation.policy.ground import HOME_NAMES, Claim, overlaps
from preservation.policy.policy import Policy, TierSpec
from preservation.policy.problem import Place

_HOME = "the home's own"


def expect_apart(home: Home, policies: Iterable[Policy]) -> None:
    """Refuse policies whose places lie in each other.

    Raises:
        PolicyError: some do (``POL-PLACES``); the message has all of them.
        NotNowError: a place does not answer (``POL-PLACE-SILENT``).
    """
    policies = list(policies)
    expect_answers(home.path / path for path in _named(policies))
    if told := entangled(home, policies):
        raise PolicyError(
            f"places that policies name lie in each other: {'; '.join(told)}",
            hint="give each tier and each inbox a folder of its own, outside of the others",
            code="POL-PLACES",
        )


def entangled(home: Home, policies: Iterable[Policy]) -> list[str]:
    """A sentence for each place that lies in another one."""
    claims = list(_claims(home, policies))
    return [
        f"{second.owner} ({second.field}) lies in {first.owner} ({first.field})"
        if first.path != second.path
        else f"{second.owner} ({second.field}) and {first.owner} ({first.field}) are one folder"
        for first, second in (*overlaps(claims), *_mounted_twice(claims))
        if not first.owner.startswith(_HOME) or not second.owner.startswith(_HOME)
    ]


def _mounted_twice(claims: Iterable[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Pairs, the second in the first's folder or in it by another path: a bind mount."""
    known, around = list(claims), dict[tuple[int, int], Claim]()
    for claim in known:
        if there := identity(claim.path):
            around.setdefault(there, claim)
    seen = cache(identity)
    for claim in known:
        for path in (claim.path, *map(str, Path(claim.path).parents)):
            first = around.get(seen(path) or (-1, -1))
            if first is not None and first.path != path:
                yield first, claim
                break


def identity(path: str) -> tuple[int, int] | None:
    """Which folder it is, whatever it is called; None if it cannot be seen."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _claims(home: Home, policies: Iterable[Policy]) -> Iterator[Claim]:
    """Each place once, by its real path; ``field`` is how it is written."""
    for name in sorted(HOME_NAMES):
        yield _claim(home, f"{_HOME} {name}", name, is_tier=True)
    tiers: dict[str, str] = {}
    for policy in policies:
        tiers |= folders_of(policy.tiers)
        intake = policy.intake
        yield _claim(home, f"the inbox of {policy.community}", intake.inbox)
        if intake.release.mode == "move":
            yield _claim(home, f"released deposits of {policy.community}", intake.release.to)
    for name, path in sorted(tiers.items()):
        yield _claim(home, f"the tier {name}", path, is_tier=True)


def folders_of(tiers: Mapping[str, TierSpec]) -> dict[str, str]:
    """The paths of those tiers that are folders."""
    return {name: spec.path for name, spec in tiers.items() if spec.kind == "local"}


def _named(policies: Iterable[Policy]) -> list[str]:
    """Each path that a policy names, as it is written, once."""
    paths: dict[str, None] = {}
    for policy in policies:
        intake = policy.intake
        written = [*folders_of(policy.tiers).values(), intake.inbox]
        if intake.release.mode == "move":
            written.append(intake.release.to)
        paths.update(dict.fromkeys(written))
    return list(paths)


def _claim(home: Home, owner: str, path: str, *, is_tier: bool = False) -> Claim:
    return Claim(os.path.realpath(home.path / path), owner, path, Place(owner), is_tier)
