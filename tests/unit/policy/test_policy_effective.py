"""From files to the value that services obey: inheritance, defaults, origins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from preservation.errors import UsageError
from preservation.model.canonical import canonical
from preservation.model.outcome import Level
from preservation.model.replica import Packaging
from preservation.policy.check import check
from preservation.policy.explain import explain
from preservation.policy.policy import Policy, ReplicaRule
from preservation.policy.public import public


def test_what_is_not_said_is_inherited_and_else_the_default(files: dict[str, str]) -> None:
    policy = Policy.from_effective(check(files).effective["notes"])

    assert policy.contact == "archive@example.org"
    assert policy.intake.inbox == "inbox/notes"
    assert policy.intake.quiet == timedelta(minutes=15)
    assert policy.intake.limits.octets == 2 * 1024**4
    assert policy.replicas == (
        ReplicaRule("vault", Packaging.FOLDER, timedelta(days=1)),
        ReplicaRule("mirror", Packaging.TAR, timedelta(days=1)),
    )
    assert policy.audit.tiers["mirror"].level is Level.E3
    assert policy.repair.automatic


def test_mappings_merge_and_lists_replace(files: dict[str, str]) -> None:
    files["baseline.yaml"] += (
        "intake:\n"
        "  complete: {quiet: 1h}\n"
        "  limits: {files: 10, depth: 5}\n"
        "  formats: {preferred: [text/csv], refused: [fmt/40]}\n"
    )
    files["notes.yaml"] += (
        "intake:\n"
        "  complete: {marker: .READY}\n"
        "  limits: {files: 20}\n"
        "  formats: {preferred: [fmt/101]}\n"
    )

    intake = Policy.from_effective(check(files).require().effective["notes"]).intake

    assert (intake.limits.files, intake.limits.depth) == (20, 5)
    assert intake.formats.preferred == ("fmt/101",)
    assert intake.formats.refused == ("fmt/40",)
    assert (intake.marker, intake.quiet) == (".READY", timedelta(0))


def test_a_policy_holds_nothing_that_the_community_does_not_use(files: dict[str, str]) -> None:
    files["tiers.yaml"] += (
        "  attic: {kind: local, path: tiers/attic, site: Khiva, operator: us, technology: tape}\n"
    )
    files["baseline.yaml"] = files["baseline.yaml"].replace(
        "    vault:", "    attic: {max_age: 1y}\n    vault:"
    )
    files["baseline.yaml"] += "repair: {mode: approved, approvers: [ann]}\n"
    files["notes.yaml"] += "repair: {mode: automatic}\n"

    effective = check(files).require().effective["notes"]

    assert set(effective["tiers"]) == {"vault", "mirror"}
    assert set(effective["audit"]["tiers"]) == {"vault", "mirror"}
    assert effective["repair"] == {"mode": "automatic", "approvers": []}


def test_editing_comments_and_order_does_not_change_the_digest(files: dict[str, str]) -> None:
    before = Policy.from_effective(check(files).effective["notes"]).digest
    lines = files["notes.yaml"].splitlines()
    files["notes.yaml"] = "# a word\n" + "\n".join([*lines[-1:], *lines[:-1]]) + "\n"
    files["baseline.yaml"] = files["baseline.yaml"].replace("90d}", '"2160h"}')

    assert Policy.from_effective(check(files).effective["notes"]).digest == before


def test_the_copy_in_packages_names_no_person_and_no_path(files: dict[str, str]) -> None:
    files["notes.yaml"] += (
        "contact: ann@example.org\n"
        "intake: {inbox: /srv/secret/notes}\n"
        "repair: {mode: approved, approvers: [ann]}\n"
    )
    files["tiers.yaml"] = files["tiers.yaml"].replace("tiers/vault", "/srv/secret/vault")
    effective = check(files).require().effective["notes"]

    copy = canonical(public(effective))

    assert b"ann" not in copy
    assert b"secret" not in copy
    assert b"tiers/mirror" not in copy
    assert b'"max_age":7776000' in copy
    assert effective["contact"] == "ann@example.org"


def test_every_value_is_explained_by_the_line_that_said_it(files: dict[str, str]) -> None:
    files["notes.yaml"] += "audit: {tiers: {vault: {max_age: 30d}}}\n"

    rows = {row.path: (row.value, row.source) for row in explain(check(files), "notes")}

    assert rows["audit.tiers.vault.max_age"] == ("30d", "notes.yaml:8")
    assert rows["audit.tiers.vault.level"] == ("E3", "baseline.yaml:5")
    assert rows["audit.tiers.mirror.level"] == ("E3", "default")
    assert rows["intake.digests"] == ("[sha256, sha512]", "default")
    assert rows["contact"] == ("archive@example.org", "baseline.yaml:2")
    assert "intake.complete.marker" not in rows
    assert rows["notify"] == ("[]", "default")
    assert rows["tiers.vault.site"] == ("Tashkent", "tiers.yaml:3")
    assert rows["tiers.vault.immutable"] == ("off", "default")
    assert "tiers.vault.bucket" not in rows


@pytest.mark.parametrize("broken", [False, True])
def test_what_is_wrong_or_unknown_is_not_explained(files: dict[str, str], broken: bool) -> None:
    if broken:
        files["notes.yaml"] = "version: 1\n"

    with pytest.raises(UsageError, match="notes" if broken else "letters"):
        explain(check(files), "notes" if broken else "letters")
