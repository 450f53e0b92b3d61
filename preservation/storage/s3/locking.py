"""What S3 keeps from being removed: Object Lock's retention, and legal holds.

A replica is locked when it becomes visible, before its sidecar; then the sidecar is. So a
crash leaves a locked object that nothing names, never a replica without its lock.

Source: Amazon S3 User Guide, "Locking objects with Object Lock".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from preservation.errors import TierUnavailableError
from preservation.model.clock import Clock
from preservation.model.deferred import dataclass
from preservation.storage.s3.failures import ABSENT, code_of, refusals

_NO_LOCK = frozenset(
    {
        "NoSuchObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "InvalidRequest",
        "NotImplemented",
        "MethodNotAllowed",
        "501",
        "405",
    }
)

_UNHELD = frozenset({"NoSuchObjectLockConfiguration"})  # of an object: it never had one


@dataclass(frozen=True, slots=True)
class Lock:
    """What ``tiers.yaml`` wants each replica to be locked with.

    Attributes:
        mode: ``governance`` or ``compliance``.
        length: from the moment in which the replica becomes visible.
    """

    mode: str
    length: timedelta
    clock: Clock

    def until(self) -> datetime:
        """The end of a lock that begins now; whole seconds, as services keep them."""
        return (self.clock.now() + self.length).astimezone(UTC).replace(microsecond=0)


class Locking:
    """Locks and holds of the objects of one place.

    Args:
        client: of boto3.
        bucket, tier: for requests, and for what is said.
    """

    def __init__(self, client: Any, bucket: str, tier: str) -> None:
        self._client = client
        self._bucket = bucket
        self._tier = tier

    def lock(self, key: str, lock: Lock) -> None:
        """Keep the current version of an object from removal.

        Raises:
            TierUnavailableError: the service does not do it (``TIER-NO-LOCK``).
            ClientError: anything else.
        """
        retention = {"Mode": lock.mode.upper(), "RetainUntilDate": lock.until()}
        with self._told():
            self._client.put_object_retention(Bucket=self._bucket, Key=key, Retention=retention)

    def locked_until(self, key: str) -> datetime | None:
        """When the lock of the current version of an object ends; None if there is none, or no
        object. A HEAD says it to whoever has the right ``s3:GetObjectRetention``.
        """
        try:
            said = self._client.head_object(Bucket=self._bucket, Key=key)
        except refusals() as error:
            if code_of(error) in ABSENT:
                return None
            raise
        until = said.get("ObjectLockRetainUntilDate")
        return until if isinstance(until, datetime) else None

    def hold(self, key: str, *, on: bool) -> None:
        """Set or lift the legal hold of the current version of an object.

        Raises:
            TierUnavailableError: the service has none (``TIER-NO-LOCK``).
            ClientError: anything else.
        """
        status = {"Status": "ON" if on else "OFF"}
        with self._told():
            self._client.put_object_legal_hold(Bucket=self._bucket, Key=key, LegalHold=status)

    def is_held(self, key: str) -> bool:
        """Whether the current version of an object has a legal hold.

        Raises:
            TierUnavailableError: the service has none (``TIER-NO-LOCK``).
            ClientError: anything else, as where nobody may ask.
        """
        try:
            with self._told(_NO_LOCK - _UNHELD):
                said = self._client.get_object_legal_hold(Bucket=self._bucket, Key=key)
        except refusals() as error:
            if code_of(error) in _UNHELD:
                return False
            raise
        return bool(said.get("LegalHold", {}).get("Status") == "ON")

    def can_lock(self) -> bool:
        """Whether the bucket says that its objects can be locked."""
        try:
            said = self._client.get_object_lock_configuration(Bucket=self._bucket)
        except refusals() as error:
            if code_of(error) in _NO_LOCK | ABSENT:
                return False
            raise
        said = said.get("ObjectLockConfiguration", {})
        return bool(said.get("ObjectLockEnabled") == "Enabled")

    @contextmanager
    def _told(self, known: frozenset[str] = _NO_LOCK) -> Iterator[None]:
        try:
            yield
        except refusals() as error:
            if code_of(error) not in known:
                raise
            raise TierUnavailableError(
                f"tier {self._tier}: the bucket does not lock objects ({code_of(error)})",
                hint="make a bucket with Object Lock for it, or take lock out of tiers.yaml",
                code="TIER-NO-LOCK",
            ) from None
