"""Keys are a tier's own, and nobody else's to see."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from buckets import CREDENTIAL, Server, serving
from storage_services import ACCOUNT, KEY, Service, storage_service

from preservation.cli.main import call
from preservation.policy.policy import TierSpec
from preservation.storage.archivematica.source import ArchivematicaSource
from preservation.storage.credentials import from_environment, variable

SECRET = "Zq7-this-is-the-secret-of-the-bucket"
ID = "an-id-of-a-key"
PACKAGE = "1d5b1a3e-2b1c-4c5e-9d5b-0123456789ab"


def test_a_tier_is_handed_its_own_and_no_other() -> None:
    environment = {variable(name, part): f"{name}-{part}" for name in "ab" for part in ("ID", "X")}
    spec = TierSpec("deep", "s3", "", "s", "o", "t", bucket="bbb", credential="a")
    assert from_environment(environment)(spec) == {variable("a", "ID"): "a-ID"}


def test_the_program_that_asks_for_us_is_told_no_key(tmp_path: Path) -> None:
    """It could be any program: what it is started with is all that it knows."""
    package = tmp_path / "env/lib/python3.11/site-packages/fixity"
    package.mkdir(parents=True)
    (package / "fixity.py").write_text("")
    (package.parent / "fixity-0.8.0.dist-info").mkdir()
    program = tmp_path / "env/bin/fixity"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n(env; echo "$@"; cat /proc/$$/cmdline) > {tmp_path}/seen\n')
    program.chmod(0o755)
    os.environ[variable("another", "SECRET")] = SECRET
    try:
        with storage_service() as service:
            service.keep(PACKAGE, b"x")
            ArchivematicaSource(service.spec(), ACCOUNT, str(tmp_path / "env")).state(PACKAGE)
    finally:
        del os.environ[variable("another", "SECRET")]
    seen = (tmp_path / "seen").read_text(errors="replace")
    assert PACKAGE in seen
    assert KEY not in seen
    assert SECRET not in seen


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def partner() -> Iterator[Service]:
    with storage_service() as service:
        yield service


def declare(home: Path, server: Server, partner: Service) -> None:
    """A home with a bucket and a partner."""
    mine = {"site": "here", "operator": "us", "technology": "t"}
    tiers = {
        "vault": {"kind": "local", "path": "tiers/vault", **mine},
        "cloud": {
            "kind": "s3",
            "endpoint": server.endpoint,
            "bucket": "keeping",
            "prefix": home.name,
            "credential": CREDENTIAL,
            **mine,
        },
        "partner": {
            "kind": "archivematica",
            "endpoint": partner.url,
            "prefix": "ss",
            "credential": "partner",
            **mine,
        },
    }
    community = {
        "version": 1,
        "community": "notes",
        "title": {"en": "Notes"},
        "contact": "us",
        "statements": ["partner"],
        "replicas": [
            {"tier": "vault", "packaging": "folder"},
            {"tier": "cloud", "packaging": "tar"},
        ],
        "audit": {"tiers": {name: {"max_age": "90d"} for name in ("vault", "cloud")}},
    }
    (home / "policies").mkdir(parents=True)
    documents = {
        "tiers": {"version": 1, "tiers": tiers},
        "baseline": {"version": 1, "contact": "us"},
        "notes": community,
    }
    for name, document in documents.items():
        (home / "policies" / f"{name}.yaml").write_text(yaml.safe_dump(document))


def test_no_output_no_log_and_no_file_of_a_home_has_a_key(
    tmp_path: Path,
    server: Server,
    partner: Service,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    declare(tmp_path, server, partner)
    keys = {variable(CREDENTIAL, "ID"): ID, variable(CREDENTIAL, "SECRET"): SECRET, **ACCOUNT}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    begin = ["--home", str(tmp_path / "var"), "--policies", str(tmp_path / "policies")]
    commands = [
        ["init"],
        ["tier", "list", "--json"],
        ["tier", "check", "--tier", "cloud"],
        ["tier", "ask"],  # the program is not there: told, with a next step
        ["tier", "reconcile"],
        ["replicate", "--json"],
        ["policy", "explain", "notes"],
        ["report", "--out", str(tmp_path / "report")],
    ]
    told = [call([*begin, *words]) for words in commands]
    assert told[:3] == [0, 0, 0]
    server.client().delete_object(Bucket="keeping", Key=f"{tmp_path.name}/samarkand-tier.json")
    partner.misbehave = lambda request, path: request.say(401, {"key": KEY}) or True
    assert [call([*begin, *words]) for words in commands[1:5]] == [5, 5, 5, 5]
    said = capfd.readouterr()
    everything = said.out + said.err + caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files)
    for secret in (SECRET, KEY):
        assert secret not in everything
        assert secret.encode() not in kept
