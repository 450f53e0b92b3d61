"""Keys that end before the work does: each request is signed with those that hold now.

Where they come from is in the environment: the keys themselves; a file that somebody writes anew
before they end; or a profile of the AWS configuration, which botocore follows to a role, an
instance's keys or a program, and renews.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from preservation.errors import TierUnavailableError
from preservation.storage.credentials import Keys, checked, variable

_MOST = 64 << 10  # octets of a file of keys
_FIELDS = ("AccessKeyId", "SecretAccessKey", "SessionToken")


class Renewing:
    """The keys of one credential, as they are when they are asked for. Safe to use from several
    threads.

    Args:
        environment: carries them, or says where they are.
    """

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self._name, self._environment = name, environment
        self._file = environment.get(variable(name, "FILE"), "")
        self._profile = environment.get(variable(name, "PROFILE"), "")
        self._of_file: tuple[tuple[int, ...], Keys] | None = None
        self._held: Any = None  # botocore's

    def __call__(self) -> Keys:
        """The keys that hold now.

        Raises:
            TierUnavailableError: there are none (``TIER-CREDENTIAL``), or what there is can't be
                keys (``TIER-CREDENTIAL-BLANKS``).
        """
        if self._file:
            return self._from_file()
        if self._profile:
            return self._from_profile()
        return Keys.named(self._name, self._environment)

    def _from_file(self) -> Keys:
        """What a ``credential_process`` of AWS prints, in a file; read again when it is another."""
        try:
            found = os.stat(self._file)
            seen = found.st_mtime_ns, found.st_ino, found.st_size
            known = self._of_file
            if known is None or known[0] != seen:
                self._of_file = known = seen, self._read()
        except (OSError, ValueError, TypeError):
            if self._of_file is None:
                raise self._away("the file of", "can't be read", "FILE") from None
            known = self._of_file  # it is being written; keys that have ended the service refuses
        return known[1]

    def _read(self) -> Keys:
        with open(self._file, "rb") as file:
            said = json.loads(file.read(_MOST))
        if not isinstance(said, dict) or not said.get(_FIELDS[0]) or not said.get(_FIELDS[1]):
            raise ValueError(_FIELDS)
        id_, secret, token = (str(said.get(field) or "") for field in _FIELDS)
        return checked(self._name, Keys(id_, secret, token), f"see to {self._file}")

    def _from_profile(self) -> Keys:
        try:
            if self._held is None:
                session = import_module("botocore.session").Session(profile=self._profile)
                self._held = session.get_credentials()
            now = self._held.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001 (its text may repeat what a program printed)
            kind = type(error).__name__
            raise self._away("the profile of", f"gives no keys ({kind})", "PROFILE") from None
        return Keys(now.access_key, now.secret_key, now.token or "")

    def _away(self, what: str, why: str, part: str) -> TierUnavailableError:
        return TierUnavailableError(
            f"{what} the credential {self._name!r} {why}",
            hint=f"see to what {variable(self._name, part)} names",
            code="TIER-CREDENTIAL",
        )
