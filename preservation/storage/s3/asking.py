"""Asks for objects, and about them, at half of what boto3 takes for it.

boto3 spends two milliseconds of a processor on each request, most of it on rules that can't
matter to a GET of a known key. Here such a request is signed by botocore's own signer and sent over
the client's own connections. Only the plain answer is taken; whatever else comes (an error, a
redirection, a cut) is boto3's to ask for again, with its retries, and to tell.

Source: Amazon S3 API Reference, GetObject, HeadObject, "Authenticating Requests: AWS Signature
Version 4".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from preservation.storage.credentials import Keys

_MISSING = b"<Code>NoSuchKey</Code>"
_SHORT = 16 << 10  # octets of an answer that says no
_WHOLE, _PART, _ABSENT = 200, 206, 404
_FAILED = 500  # answers below are to what was asked, and no failure of the service
_SENT = {"IfMatch": "If-Match"}
_TOLD = {
    "Content-Range": "ContentRange",
    "ETag": "ETag",
    "x-amz-storage-class": "StorageClass",
    "x-amz-restore": "Restore",
}

Said = Mapping[str, Any]  # as boto3 tells it; empty where the service says that there is none


class Asking:
    """Requests for the objects of one bucket. Safe to use from several threads.

    Args:
        client: of boto3, for S3; it is asked where the short way does not lead to the answer.
    """

    def __init__(self, client: Any, keys: Keys, region: str, bucket: str) -> None:
        self._client, self._bucket = client, bucket
        credentials = ReadOnlyCredentials(keys.id, keys.secret, keys.token or None)
        self._signer = S3SigV4Auth(credentials, "s3", region)
        self._base = f"{client.meta.endpoint_url.rstrip('/')}/{quote(bucket)}/"
        self._session = _connections(client)
        self._leads = self._session is not None  # the short way

    def get(self, key: str, **conditions: str) -> Said:
        """What ``get_object`` says.

        Args:
            conditions: ``IfMatch``, ``Range``.

        Raises:
            ClientError, BotoCoreError: as boto3 does.
        """
        return self._asked("GET", self._client.get_object, key, conditions)

    def head(self, key: str) -> Said:
        """What ``head_object`` says.

        Raises:
            As :meth:`get`.
        """
        return self._asked("HEAD", self._client.head_object, key, {})

    def _asked(
        self, method: str, ask: Callable[..., Said], key: str, conditions: Mapping[str, str]
    ) -> Said:
        refused = False
        if self._leads:
            try:
                return self._short(method, key, conditions)
            except _OtherAnswerError as other:
                refused = other.status < _FAILED
            except (BotoCoreError, HTTPError):
                pass  # cut, or late: boto3 tries again
            except (AttributeError, TypeError, KeyError):
                self._leads = False  # another botocore, whose parts do not fit together so
        said = ask(Bucket=self._bucket, Key=key, **conditions)
        if refused:
            self._leads = False  # boto3 knows a way that we don't: to another region, for one
        return said

    def _short(self, method: str, key: str, conditions: Mapping[str, str]) -> Said:
        """The plain answer.

        Raises:
            _OtherAnswerError: it is not plain.
            BotoCoreError, HTTPError: it did not come.
        """
        headers = {"User-Agent": "samarkand"}
        headers |= {_SENT.get(name, name): value for name, value in conditions.items()}
        url = self._base + quote(key, safe="/~")
        request = AWSRequest(method, url, headers, stream_output=method == "GET")
        request.context["client_config"] = self._client.meta.config
        self._signer.add_auth(request)
        answer = self._session.send(request.prepare())
        if answer.status_code == _ABSENT and (method == "HEAD" or _says_absent(answer.raw)):
            return {}
        length = answer.headers.get("Content-Length", "")
        if answer.status_code not in (_WHOLE, _PART) or not length.isdecimal():
            answer.raw.close()
            raise _OtherAnswerError(answer.status_code)
        said = {ours: answer.headers.get(theirs, "") for theirs, ours in _TOLD.items()}
        body = {"Body": StreamingBody(answer.raw, length)} if method == "GET" else {}
        return {**said, "ContentLength": int(length), **body}


def _connections(client: Any) -> Any:
    """Its connections, and with them its timeouts, proxies and certificates; None where it does
    not have them where botocore keeps them today: no method of the client gives them.
    """
    return getattr(getattr(client, "_endpoint", None), "http_session", None)


class _OtherAnswerError(Exception):
    """Anything but an object that is there, or is not."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _says_absent(raw: Any) -> bool:
    """Whether it is the object that is not there, rather than the bucket or the service."""
    said = raw.read(_SHORT)
    raw.close()
    return _MISSING in said
