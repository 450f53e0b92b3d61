"""With whose keys a tier is reached; and no other tier's.

Keys come from the environment of whatever runs us, or from wherever a front door keeps them
(an Airflow connection per tier). A tier is handed its own, when it is first used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field

from preservation.errors import TierUnavailableError
from preservation.model.deferred import dataclass
from preservation.policy.policy import TierSpec

PREFIX = "PRESERVATION_CREDENTIAL_"
PARTS = ("ID", "SECRET", "TOKEN")

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
        if not all(each.isascii() and each.isprintable() for each in (id_, secret, token)) or (
            " " in id_ + secret + token
        ):
            raise TierUnavailableError(
                f"the credential {name!r} in the environment has a space or a line break in it",
                hint=f"give {variables[0]} and {variables[1]} without quotes and without blanks",
                code="TIER-CREDENTIAL-BLANKS",
            )
        return cls(id_, secret, token)


def variable(name: str, part: str) -> str:
    """The environment variable of one part of a credential: ``ID``, ``SECRET``, ``TOKEN``."""
    return f"{PREFIX}{re.sub(r'[^A-Z0-9]', '_', name.upper())}_{part}"


def from_environment(environment: Mapping[str, str]) -> CredentialSource:
    """A source that hands each tier what the environment carries under its credential's name."""

    def of(spec: TierSpec) -> Mapping[str, str]:
        names = [variable(spec.credential, part) for part in PARTS]
        return {name: environment[name] for name in names if name in environment}

    return of
