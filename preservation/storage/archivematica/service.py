"""Asks an Archivematica Storage Service over HTTP; trusts nothing that it answers.

The API key goes as a header, never in an address. Redirects are not followed, answers are read
to a limit of size and time, and only JSON is taken.

Source: Archivematica Storage Service API (Tastypie), ``api/v2/file/``.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from preservation.errors import TierUnavailableError
from preservation.model.deferred import dataclass
from preservation.policy.policy import TierSpec
from preservation.storage.credentials import Keys

MOST = 16 << 20  # octets of one answer
_CHUNK = 1 << 16
_LATER = "try again later; if it says so again, ask whoever runs that Storage Service"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    body: bytes


class StorageService:
    """One Storage Service, asked as one account."""

    def __init__(self, spec: TierSpec, environment: Mapping[str, str]) -> None:
        self.tier = spec.id
        self.endpoint = spec.endpoint.rstrip("/")
        self._prefix = f"/{spec.prefix.strip('/')}/" if spec.prefix.strip("/") else "/"
        self._credential = spec.credential
        self._environment = environment

    @property
    def host(self) -> str:
        """What fails together with it."""
        return urlsplit(self.endpoint).netloc

    def json(self, path: str, query: Mapping[str, str] | None = None, within: float = 60) -> Any:
        """The JSON document at a path.

        Raises:
            TierUnavailableError: there is none; says why, and what to do next.
        """
        answer = self.get(path, query, within)
        if answer.status != 200:
            raise self.refused(answer.status)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self.unavailable("it answers something else than JSON", _MEND) from error

    def get(self, path: str, query: Mapping[str, str] | None = None, within: float = 60) -> Answer:
        """Ask for a path below the service's own.

        Args:
            within: seconds for all of it.

        Raises:
            TierUnavailableError: no answer, too late, too large, or from elsewhere.
        """
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        keys = Keys.named(self._credential, self._environment)
        headers = {
            "Accept": "application/json",
            "Authorization": f"ApiKey {keys.id}:{keys.secret}",
            "User-Agent": "samarkand",
        }
        connection = self._connection(within)
        alarm = _Alarm(connection, within)
        try:
            connection.request("GET", target, headers=headers)
            said = connection.getresponse()
            if 300 <= said.status < 400:
                raise self.unavailable("it sends us to another address", _MEND)
            return Answer(said.status, self._read(said))
        except ssl.SSLError as error:
            hint = "is it the right host? mend its certificate"
            raise self.unavailable("its certificate does not verify", hint) from error
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            words = f"no answer ({type(error).__name__})"
            if alarm.rang:
                words = f"it took longer than {within:.0f} s"
            raise self.unavailable(words, "is it up? try again later") from None
        finally:
            alarm.stop()
            connection.close()

    def _connection(self, patience: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.endpoint)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(parts.netloc, timeout=patience, context=context)
        return http.client.HTTPConnection(parts.netloc, timeout=patience)

    def _read(self, said: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while chunk := said.read(_CHUNK):
            body += chunk
            if len(body) > MOST:
                raise self.unavailable(f"an answer of more than {MOST >> 20} MiB", _LATER)
        if said.length:  # it was cut; http.client says nothing of that
            raise http.client.IncompleteRead(b"", said.length)
        return bytes(body)

    def refused(self, status: int) -> TierUnavailableError:
        """What a status means that is not 200."""
        if status in (401, 403):
            return self.unavailable(
                "the account or its API key is wrong, or may not do this",
                f"see to the credential {self._credential!r}",
            )
        if status == 404:
            return self.unavailable("there is no Storage Service at that path", _MEND)
        return self.unavailable(f"it says {status}", _LATER)

    def unavailable(self, words: str, hint: str) -> TierUnavailableError:
        """A failure in a sentence, without keys."""
        return TierUnavailableError(
            f"tier {self.tier} at {self.endpoint}: {words}", hint=hint, code="TIER-ARCHIVEMATICA"
        )


_MEND = "mend endpoint and prefix in tiers.yaml"


class _Alarm:
    """Ends a request that goes on and on, however it does that: drop by drop, too."""

    def __init__(self, connection: http.client.HTTPConnection, within: float) -> None:
        self.rang = False
        self._connection = connection
        self._timer = threading.Timer(within, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """The request has ended."""
        self._timer.cancel()

    def _ring(self) -> None:
        self.rang = True
        sock = self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
