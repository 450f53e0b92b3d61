"""Where an S3 tier is, and with whose keys it is reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from preservation.errors import TierUnavailableError
from preservation.policy.policy import TierSpec

_VARIABLE = "PRESERVATION_CREDENTIAL_{name}_{part}"


@dataclass(frozen=True, slots=True)
class Address:
    """A place in a bucket.

    Attributes:
        endpoint: URL of the service; empty for Amazon's own.
        prefix: what every key begins with; empty, or ends with ``/``.
        credential: the name of the key pair, not the keys.
        storage_class: as the provider calls it; empty for its default.
    """

    endpoint: str
    region: str
    bucket: str
    prefix: str
    credential: str
    storage_class: str

    @classmethod
    def of(cls, spec: TierSpec) -> Address:
        """The place that ``tiers.yaml`` declares."""
        prefix = spec.prefix.strip("/")
        return cls(
            endpoint=spec.endpoint,
            region=spec.region or "us-east-1",
            bucket=spec.bucket,
            prefix=f"{prefix}/" if prefix else "",
            credential=spec.credential,
            storage_class=spec.storage_class,
        )

    @property
    def host(self) -> str:
        """What fails together with it: the service's host, and its port where it has one."""
        return urlsplit(self.endpoint).netloc if self.endpoint else f"s3.{self.region}"

    def __str__(self) -> str:
        return f"{self.endpoint or 's3:'}/{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Keys:
    """A key pair. Never shown: not in a log, not in an error, not in a report."""

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
        variables = [variable(name, part) for part in ("ID", "SECRET", "TOKEN")]
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
    return _VARIABLE.format(name=re.sub(r"[^A-Z0-9]", "_", name.upper()), part=part)
