"""What a change of policy changes, and which changes weaken a promise."""

from __future__ import annotations

from typing import Any

import pytest

from preservation.model.canonical import digest_of
from preservation.policy.check import check
from preservation.policy.compare import Change, compare, edited

THIRD = "  attic: {kind: local, path: tiers/attic, site: Khiva, operator: us, technology: tape}\n"
FULL = """\
version: 1
community: notes
title: {en: Notes}
intake: {digests: [sha256, sha512], limits: {size: 1 GB}, formats: {refused: [fmt/40]}}
replicas:
  - {tier: vault, packaging: folder, within: 2h}
  - {tier: mirror, packaging: folder}
  - {tier: attic, packaging: tar}
minimum: {replicas: 3, failure_domains: 2, sites: 2}
audit: {budget: 1 TiB, tiers: {attic: {level: E3, max_age: 60d}}}
repair: {mode: approved, approvers: [ann, bob]}
"""


def _effective(files: dict[str, str], old: str = "", new: str = "") -> dict[str, Any]:
    tiers = files["tiers.yaml"] + THIRD
    assert old in FULL + tiers
    baseline = files["baseline.yaml"].replace("level: E3, max_age: 1y", "max_age: 1y")
    changed = {
        "tiers.yaml": tiers.replace(old, new) if old else tiers,
        "baseline.yaml": baseline,
        "notes.yaml": FULL.replace(old, new) if old else FULL,
    }
    return check(changed).require().effective["notes"]


@pytest.mark.parametrize(
    ("old", "new", "path", "before", "after", "weakening"),
    [
        ("replicas: 3", "replicas: 2", "minimum.replicas", "3", "2", True),
        ("domains: 2", "domains: 3", "minimum.failure_domains", "2", "3", False),
        ("sites: 2", "sites: 1", "minimum.sites", "2", "1", True),
        ("max_age: 60d", "max_age: 90d", "audit.tiers.attic.max_age", "60d", "90d", True),
        ("max_age: 60d", "max_age: 30d", "audit.tiers.attic.max_age", "60d", "30d", False),
        ("level: E3", "level: E2", "audit.tiers.attic.level", "E3", "E2", True),
        ("within: 2h", "within: 3h", "replicas.vault.within", "2h", "3h", True),
        ("within: 2h", "within: 1h", "replicas.vault.within", "2h", "1h", False),
        ("[sha256, sha512]", "[sha256]", "intake.digests", "[sha256, sha512]", "[sha256]", True),
        ("mode: approved, approvers: [ann, bob]", "mode: automatic", "repair.mode",
         "approved", "automatic", True),
        ("[fmt/40]", "[]", "intake.formats.refused", "[fmt/40]", "[]", False),
        ("budget: 1 TiB", "budget: 1 GiB", "audit.budget",
         "1.0 TiB (1099511627776 B)", "1.0 GiB (1073741824 B)", False),
        ("{en: Notes}", "{en: Notes, uz: Qaydlar}", "title.uz", "", "Qaydlar", False),
        ("site: Khiva", "site: Tashkent", "tiers.attic.site", "Khiva", "Tashkent", True),
        ("site: Khiva", "site: Nukus", "tiers.attic.site", "Khiva", "Nukus", False),
    ],
)  # fmt: skip
def test_each_change_is_judged_by_what_was_promised(
    files: dict[str, str], old: str, new: str, path: str, before: str, after: str, weakening: bool
) -> None:
    changes = compare(_effective(files), _effective(files, old, new))

    told = {change.path: change for change in changes}
    assert (told[path].before, told[path].after) == (before, after)
    assert told[path].weakening is weakening
    assert not any(one.weakening for one in changes if one.path != path)


def test_a_replica_taken_away_weakens_and_one_more_does_not(files: dict[str, str]) -> None:
    more = _effective(files)
    fewer = check(files).require().effective["notes"]

    gone = {change.path: change for change in compare(more, fewer)}
    come = {change.path: change for change in compare(fewer, more)}

    assert gone["replicas.attic"].weakening
    assert gone["replicas.attic"].before == "tier: attic, packaging: tar, within: 1d"
    assert gone["replicas.attic"].new is None
    assert not come["replicas.attic"].weakening


def test_another_order_of_replicas_is_a_change_that_weakens_nothing(files: dict[str, str]) -> None:
    old = (
        "  - {tier: vault, packaging: folder, within: 2h}\n  - {tier: mirror, packaging: folder}\n"
    )
    new = (
        "  - {tier: mirror, packaging: folder}\n  - {tier: vault, packaging: folder, within: 2h}\n"
    )

    changes = compare(_effective(files), _effective(files, old, new))

    assert changes == [
        Change(
            "replicas",
            ["vault", "mirror", "attic"],
            ["mirror", "vault", "attic"],
            "vault, mirror, attic",
            "mirror, vault, attic",
            weakening=False,
        )
    ]


def test_a_first_policy_weakens_nothing_and_the_same_changes_nothing(
    files: dict[str, str],
) -> None:
    effective = _effective(files)

    first = compare(None, effective)

    assert {"title.en", "replicas.vault", "minimum.sites"} <= {change.path for change in first}
    assert not any(change.weakening for change in first)
    assert compare(effective, effective) == []


def test_edited_are_the_changed_the_new_the_wrong_and_the_gone(files: dict[str, str]) -> None:
    for name in ("same", "changed", "wrong"):
        files[f"{name}.yaml"] = files["notes.yaml"].replace("notes", name)
    in_force = {one: digest_of(document) for one, document in check(files).effective.items()}
    in_force["gone"] = in_force["same"]
    del in_force["notes"]
    files["changed.yaml"] += "contact: somebody else\n"
    files["wrong.yaml"] = "version: 3\n"

    assert edited(in_force, check(files)) == ["changed", "gone", "notes", "wrong"]
