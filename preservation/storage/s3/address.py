"""Where an S3 tier is."""

from __future__ import annotations

from urllib.parse import urlsplit

from preservation.model.deferred import dataclass
from preservation.policy.policy import TierSpec


@dataclass(frozen=True, slots=True)
class Address:
    """A place in a bucket.

    Attributes:
        endpoint: URL of the service; empty for Amazon's own.
        prefix: what every key begins with; empty, or ends with ``/``.
        credential: the name of the key pair, not the keys.
        storage_class: as the provider calls it; empty for its default.
        object_limit: octets that one object may have.
    """

    endpoint: str
    region: str
    bucket: str
    prefix: str
    credential: str
    storage_class: str
    object_limit: int = 5 << 40

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
            object_limit=spec.object_limit,
        )

    @property
    def host(self) -> str:
        """What fails together with it: the service's host, and its port where it has one."""
        return urlsplit(self.endpoint).netloc if self.endpoint else f"s3.{self.region}"

    def __str__(self) -> str:
        return f"{self.endpoint or 's3:'}/{self.bucket}/{self.prefix}"
