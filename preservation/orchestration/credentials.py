"""Tiers' keys from Airflow's connections, where there are any: ``samarkand_<tier>``.

A task's tier asks for its own when it is first used, through whatever keeps Airflow's secrets;
no other tier's is fetched. Where there is no such connection, the environment is asked.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from preservation.errors import TierUnavailableError
from preservation.policy.policy import TierSpec
from preservation.storage.credentials import from_environment, variable

_log = logging.getLogger(__name__)


def from_connections(spec: TierSpec) -> Mapping[str, str]:
    """One tier's credential: login, password, and ``session_token`` of the extra.

    Raises:
        TierUnavailableError: Airflow can't be asked for its connections now.
    """
    name = connection_id(spec.id)
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return from_environment(os.environ)(spec)
    except Exception as error:  # noqa: BLE001 - whatever a secrets backend fails with
        # Its text may repeat what it was asked with.
        raise TierUnavailableError(
            f"Airflow can't give the connection {name} ({type(error).__name__})",
            hint="look at the secrets backend of Airflow; try again later",
            code="TIER-CREDENTIAL",
        ) from None
    token = found.extra_dejson.get("session_token", "")
    parts = {"ID": found.login, "SECRET": found.password, "TOKEN": token}
    return {variable(spec.credential, part): str(value) for part, value in parts.items() if value}


def connection_id(tier: str) -> str:
    """The name of a tier's connection; Airflow allows hyphens in it, so nothing is changed."""
    return f"samarkand_{tier}"
