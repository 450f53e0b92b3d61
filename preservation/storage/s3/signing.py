"""Signs requests to one S3 service.

The key that signs is made once for a day, and everything else is one hash and one MAC: of the rules
only those are here that requests of ours can meet. Bodies are not signed: each carries its
SHA-256, or is compared when it is read back.

Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS
Signature Version 4)".
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from urllib.parse import quote

from preservation.storage.credentials import Keys

_UNSIGNED = "UNSIGNED-PAYLOAD"
_ALWAYS = "User-Agent: samarkand\r\nAccept-Encoding: identity\r\n"  # what is between may alter them


def target(bucket: str, key: str = "", query: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Path and query of a request as they are sent, and as they are signed."""
    asked = (query or {}).items()
    words = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in asked)
    below = f"/{quote(key, safe='/~')}" if key else ""
    return f"/{quote(bucket)}{below}", "&".join(f"{name}={value}" for name, value in words)


class Signer:
    """Signs by the keys that hold, for one region. Safe to use from several threads.

    Args:
        keys: gives them.
        host: the service's, with its port where that is not the usual one.
    """

    def __init__(self, keys: Callable[[], Keys], region: str, host: str) -> None:
        self._keys, self._region, self._host = keys, region, host
        self._of_day: tuple[str, str, bytes] = ("", "", b"")

    def signed(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
        """The lines of a request's head, but for the first, and for what is said of its body.

        Args:
            path, query: as :func:`target` gives them.
            headers: names in lower case; all of them are signed.
        """
        stamp, keys = _now(), self._keys()
        told = {
            **headers,
            "host": self._host,
            "x-amz-content-sha256": _UNSIGNED,
            "x-amz-date": stamp,
        }
        if keys.token:
            told["x-amz-security-token"] = keys.token
        names = sorted(told)
        lines = "".join([f"{name}:{told[name].strip()}\n" for name in names])
        signed = ";".join(names)
        asked = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{_UNSIGNED}"
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        hashed = sha256(asked.encode()).hexdigest()
        signature = _mac(
            self._key(stamp[:8], keys.secret), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
        )
        sent = "".join([f"{name.title()}: {told[name]}\r\n" for name in names])
        return (
            f"{_ALWAYS}{sent}Authorization: AWS4-HMAC-SHA256 Credential={keys.id}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature.hex()}\r\n"
        )

    def _key(self, day: str, secret: str) -> bytes:
        *known, key = self._of_day
        if known != [day, secret]:
            key = _mac(f"AWS4{secret}".encode(), day)
            for word in (self._region, "s3", "aws4_request"):
                key = _mac(key, word)
            self._of_day = (day, secret, key)
        return key


def _now() -> str:
    """The machine's time: what is signed is refused where it is off, and nothing else uses it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
