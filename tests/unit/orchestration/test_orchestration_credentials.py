"""Keys of tiers from Airflow's connections, each tier its own; else from the environment."""

from __future__ import annotations

import pytest

from preservation.orchestration.credentials import from_connections
from preservation.policy.policy import TierSpec

pytestmark = pytest.mark.airflow

DEEP = TierSpec("deep-one", "s3", "", "s", "o", "t", bucket="b", credential="cloud")


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESERVATION_CREDENTIAL_CLOUD_ID", "from-environment")
    monkeypatch.setenv("PRESERVATION_CREDENTIAL_CLOUD_SECRET", "from-environment")
    monkeypatch.setenv("PRESERVATION_CREDENTIAL_OTHER_SECRET", "another-tiers")


def test_a_connection_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SAMARKAND_DEEP-ONE",
        '{"conn_type": "aws", "login": "an-id", "password": "a-secret",'
        ' "extra": {"session_token": "a-token"}}',
    )
    assert from_connections(DEEP) == {
        "PRESERVATION_CREDENTIAL_CLOUD_ID": "an-id",
        "PRESERVATION_CREDENTIAL_CLOUD_SECRET": "a-secret",
        "PRESERVATION_CREDENTIAL_CLOUD_TOKEN": "a-token",
    }


def test_without_one_the_environment_is_asked_for_this_tier_alone() -> None:
    assert from_connections(DEEP) == {
        "PRESERVATION_CREDENTIAL_CLOUD_ID": "from-environment",
        "PRESERVATION_CREDENTIAL_CLOUD_SECRET": "from-environment",
    }
