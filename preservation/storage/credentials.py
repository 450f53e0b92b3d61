"""With whose keys a tier is reached; and no other tier's.

Keys come from the environment of whatever runs us, or from wherever a front door keeps them
(an Airflow connection per tier). A tier is handed its own, when it is first used.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field

from preservation.errors import TierUnavailableError
from preservation.model.deferred import dataclass
from preservation.policy.policy import TierSpec

PREFIX = "PRESERVATION_CREDENTIAL_"
PARTS = ("ID", "SECRET", "TOKEN")
SOURCES = ("FILE", "PROFILE")  # where keys of a bucket are instead, if they are renewed
_AGAIN = 300  # seconds: keys with a session token are asked for again

# The variables of one tier's credential, as far as they are known; never those of another.
CredentialSource = Callable[[TierSpec], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Keys:
    """A key pair, or an account and its API key. Never shown: not in a log, not in an error,
    not in a report.
    """

    id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def named(cls, name: str, environment: Mapping[str, str]) -> Keys:
        """The pair that the environment carries under a name.

        Raises:
            TierUnavailableError: it does not (``TIER-CREDENTIAL``), or these can't be keys
                (``TIER-CREDENTIAL-BLANKS``).
        """
        variables = [variable(name, part) for part in PARTS]
        id_, secret, token = (environment.get(each, "") for each in variables)
        if not id_ or not secret:
            raise TierUnavailableError(
                f"the credential {name!r} is not in the environment",
                hint=f"set {variables[0]} and {variables[1]}",
                code="TIER-CREDENTIAL",
            )
        hint = f"give {variables[0]} and {variables[1]} without quotes and without blanks"
        return checked(name, cls(id_, secret, token), hint)


def checked(name: str, keys: Keys, hint: str) -> Keys:
    """The same keys.

    Raises:
        TierUnavailableError: these can't be keys (``TIER-CREDENTIAL-BLANKS``).
    """
    every = (keys.id, keys.secret, keys.token)
    if not all(each.isascii() and each.isprintable() and " " not in each for each in every):
        raise TierUnavailableError(
            f"the credential {name!r} has a space or a line break in it",
            hint=hint,
            code="TIER-CREDENTIAL-BLANKS",
        )
    return keys


class Afresh(Mapping[str, str]):
    """The variables of one tier's credential, asked for again now and then where they carry a
    session token: that ends. What can't be asked now is as it was.

    Args:
        ask: gives them.
    """

    def __init__(self, ask: Callable[[], Mapping[str, str]]) -> None:
        self._ask = ask
        self._known = ask()
        self._asked = time.monotonic()

    def _now(self) -> Mapping[str, str]:
        is_ending = any(name.endswith("_TOKEN") for name in self._known)
        if is_ending and time.monotonic() - self._asked > _AGAIN:
            self._asked = time.monotonic()
            with suppress(TierUnavailableError):
                self._known = self._ask()
        return self._known

    def __getitem__(self, name: str) -> str:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


def variable(name: str, part: str) -> str:
    """The environment variable of one part of a credential (``ID``, ``SECRET``, ``TOKEN``), or of
    where it is (``FILE``, ``PROFILE``).
    """
    return f"{PREFIX}{re.sub(r'[^A-Z0-9]', '_', name.upper())}_{part}"


def from_environment(environment: Mapping[str, str]) -> CredentialSource:
    """A source that hands each tier what the environment carries under its credential's name."""

    def of(spec: TierSpec) -> Mapping[str, str]:
        names = [variable(spec.credential, part) for part in (*PARTS, *SOURCES)]
        return {name: environment[name] for name in names if name in environment}

    return of
