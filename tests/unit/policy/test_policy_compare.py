"""What a change of policy changes, and which changes weaken a promise."""

from __future__ import annotations

from typing import Any

import pytest

from preservation.model.canonical import digest_of
from preservation.policy.check import check
from preservation.policy.compare import Change, compare, edited

THIRD = """\
  attic:
    {kind: local, path: tiers/attic, site: Khiva, operator: us, technology: tape, immutable: on}
  bucket: {kind: s3, bucket: deep, credential: deep, site: Nukus, operator: us, technology: disk,
    lock: {mode: compliance, for: 10y}}
"""
FULL = """\
version: 1
community: notes
title: {en: Notes}
intake: {digests: [sha256, sha512], limits: {size: 1 GB}, formats: {refused: [fmt/40]}}
replicas:
  - {tier: vault, packaging: folder, within: 2h}
  - {tier: mirror, packaging: folder}
  - {tier: attic, packaging: tar}
  - {tier: bucket, packaging: tar}
minimum: {replicas: 3, failure_domains: 2, sites: 2}
audit: {budget: 1 TiB, tiers:
    {attic: {level: E3, max_age: 60d, sample: 90, every: 6d},
     bucket: {level: E3, max_age: 1y, all_digests: 2y}}}
repair: {mode: approved, approvers: [ann, bob]}
retention: {keep: 10y, review: 5y, approvals: 2, approvers: [ann, cid]}
access: {state: restricted, embargo: 2y, embargo_until: "2030-01-01"}
notify: [{to: "mailto:ann@example.org", findings: now, digest: weekly, alive: weekly}]
reports: {holdings: monthly, evidence: yearly}
drill: {tiers: [mirror], every: 30d}
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
        ("digests: 2y", "digests: never", "audit.tiers.bucket.all_digests", "2y", "never", True),
        ("digests: 2y", "digests: 3y", "audit.tiers.bucket.all_digests", "2y", "3y", True),
        ("digests: 2y", "digests: 1y", "audit.tiers.bucket.all_digests", "2y", "1y", False),
        ("max_age: 60d", "max_age: 90d", "audit.tiers.attic.max_age", "60d", "90d", True),
        ("max_age: 60d", "max_age: 30d", "audit.tiers.attic.max_age", "60d", "30d", False),
        ("attic: {level: E3", "attic: {level: E2", "audit.tiers.attic.level", "E3", "E2", True),
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
        ("site: Khiva", "site: Kokand", "tiers.attic.site", "Khiva", "Kokand", False),
        ("immutable: on", "immutable: off", "tiers.attic.immutable", "on", "off", True),
        ("compliance", "governance", "tiers.bucket.lock.mode", "compliance", "governance", True),
        ("for: 10y", "for: 9y", "tiers.bucket.lock.for", "10y", "9y", True),
        ("for: 10y", "for: 11y", "tiers.bucket.lock.for", "10y", "11y", False),
        ("sample: 90", "sample: 80", "audit.tiers.attic.sample", "90", "80", True),
        ("every: 6d", "every: 8d", "audit.tiers.attic.every", "6d", "8d", True),
        ("keep: 10y", "keep: 9y", "retention.keep", "10y", "9y", True),
        ("keep: 10y", "keep: forever", "retention.keep", "10y", "forever", False),
        ("review: 5y", "review: never", "retention.review", "5y", "never", True),
        ("review: 5y", "review: 6y", "retention.review", "5y", "6y", True),
        ("review: 5y", "review: 1y", "retention.review", "5y", "1y", False),
        ("approvals: 2", "approvals: 1", "retention.approvals", "2", "1", True),
        ("[ann, cid]", "[]", "retention.approvers", "[ann, cid]", "[]", True),
        ("[ann, cid]", "[ann, dan]", "retention.approvers", "[ann, cid]", "[ann, dan]", False),
        ("state: restricted", "state: open", "access.state", "restricted", "open", True),
        ("embargo: 2y", "embargo: none", "access.embargo", "2y", "none", True),
        ('"2030-01-01"', "none", "access.embargo_until", "2030-01-01", "none", True),
        ("digest: weekly", "digest: monthly", "notify.mailto:ann@example.org.digest",
         "weekly", "monthly", True),
        ("holdings: monthly", "holdings: never", "reports.holdings", "monthly", "never", True),
        ("tiers: [mirror]", "tiers: []", "drill.tiers", "[mirror]", "[]", True),
        ("sha512],", "sha512], release: {mode: delete},", "intake.release.mode",
         "keep", "delete", True),
        ("sha512],", "sha512], release: {after: 1d},", "intake.release.after", "30d", "1d", True),
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
            ["vault", "mirror", "attic", "bucket"],
            ["mirror", "vault", "attic", "bucket"],
            "vault, mirror, attic, bucket",
            "mirror, vault, attic, bucket",
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


def test_what_was_kept_before_a_field_was_there_promised_its_default(
    files: dict[str, str],
) -> None:
    new = _effective(files)
    old = {name: value for name, value in new.items() if name not in ("retention", "drill")}

    told = {change.path: change for change in compare(old, new)}

    assert (told["retention.keep"].before, told["retention.keep"].weakening) == ("forever", True)
    assert "retention.approvals" not in told


def test_edited_are_the_changed_the_new_the_wrong_and_the_gone(files: dict[str, str]) -> None:
    for name in ("same", "changed", "wrong"):
        files[f"{name}.yaml"] = files["notes.yaml"].replace("notes", name)
    in_force = {one: digest_of(document) for one, document in check(files).effective.items()}
    in_force["gone"] = in_force["same"]
    del in_force["notes"]
    files["changed.yaml"] += "contact: somebody else\n"
    files["wrong.yaml"] = "version: 3\n"

    assert edited(in_force, check(files)) == ["changed", "gone", "notes", "wrong"]
