"""Asks for objects, and writes them, at a fraction of what boto3 takes for it.

boto3 spends milliseconds of a processor on each request, most of it on rules that can't matter
where the service, the bucket and the key are known, and a third of a second on its start. Here a
request is one signed head over a connection that is kept. Only the plain answer is taken; whatever
else comes (an error, a redirection, a cut) is boto3's to ask for again, with its retries, and to
tell. So each request here may come twice, as it may with boto3 alone.

Source: Amazon S3 API Reference, GetObject, HeadObject, PutObject, ListObjectsV2, UploadPart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from preservation.storage.credentials import Keys
from preservation.storage.s3.answer import Answer
from preservation.storage.s3.documents import Document, OddDocumentError, Row, joined
from preservation.storage.s3.failures import NotS3Error
from preservation.storage.s3.line import EndlessError, Octets, WireError
from preservation.storage.s3.signing import Signer, target
from preservation.storage.s3.waiting import BUSY, asked_for
from preservation.storage.s3.wire import Wire, leads_there

_MISSING = b"<Code>NoSuchKey</Code>"
_SHORT = 1 << 20  # octets of an answer that says no
_LISTING = 8 << 20  # octets of one page
_OK, _PART, _ABSENT = 200, 206, 404
_CAN_NOT_SAY = frozenset({400, 404, 405, 501})
_FAILED = 500  # answers below are to what was asked, and no failure of the service
_PAUSES = 2  # that a service may ask for, before boto3 makes some more
_HEADERS = {
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "Range": "range",
    "StorageClass": "x-amz-storage-class",
}
_TOLD = {
    "content-range": "ContentRange",
    "etag": "ETag",
    "x-amz-storage-class": "StorageClass",
    "x-amz-restore": "Restore",
    "x-amz-checksum-sha256": "ChecksumSHA256",
}

_T = TypeVar("_T")
Said = Mapping[str, Any]  # as boto3 tells it; empty where the service says that there is none


class Asking:
    """Requests for the objects of one bucket. Safe to use from several threads.

    Args:
        client: makes boto3's, for S3, or gives the one that was made; it is asked where the short
            way does not lead to the answer.
        endpoint: the service's URL; empty: boto3 knows it.
        keys: gives those that hold now.
    """

    def __init__(
        self,
        client: Callable[[], Any],
        endpoint: str,
        keys: Callable[[], Keys],
        region: str,
        bucket: str,
    ) -> None:
        self._client, self._bucket = client, bucket
        self._leads = leads_there(os.environ)  # the short way
        try:
            self._wire = Wire(endpoint or client().meta.endpoint_url)
        except ValueError:
            self._leads = False  # boto3 tells what is wrong with it
        else:
            self._signer = Signer(keys, region, self._wire.host)

    def get(self, key: str, **conditions: str) -> Said:
        """What ``get_object`` says.

        Args:
            conditions: ``IfMatch``, ``Range``.

        Raises:
            ClientError, BotoCoreError: as boto3 does.
        """

        def short() -> Said:
            answer = self._answer("GET", key, _headers(conditions))
            if answer.status == _ABSENT and _MISSING in answer.document(_SHORT):
                return {}
            return {**_plain(answer, is_part="Range" in conditions), "Body": answer}

        said = self._asked(short, "get_object", Key=key, **conditions)
        if said.get("ContentRange") and "Range" not in conditions:
            said["Body"].close()
            raise NotS3Error("it gives a part of what it is asked for")
        return said

    def head(self, key: str) -> Said:
        """What ``head_object`` says.

        Raises:
            As :meth:`get`.
        """

        def short() -> Said:
            answer = self._answer("HEAD", key)
            return {} if answer.status == _ABSENT else _plain(answer)

        return self._asked(short, "head_object", Key=key)

    def put(self, key: str, body: Sequence[Octets], digest: str, **conditions: str) -> Said:
        """What ``put_object`` says.

        Args:
            body: its octets, one buffer after the other.
            digest: its SHA-256 as the service writes it.
            conditions: ``IfNoneMatch``, ``StorageClass``.

        Raises:
            As :meth:`get`.
        """

        def short() -> Said:
            headers = _headers(conditions) | _compared(digest)
            return _done(self._answer("PUT", key, headers, body=body))

        def long(**about: Any) -> Said:
            said: Said = self._client().put_object(**about, Body=b"".join(body), **_sum(digest))
            return said

        return self._asked(short, long, Key=key, **conditions)

    def part(self, key: str, upload: str, number: int, body: Sequence[Octets], digest: str) -> Said:
        """What ``upload_part`` says. A part that comes twice is one part.

        Args:
            body: as for :meth:`put`.
            digest: its SHA-256 as the service writes it; empty: none is sent.

        Raises:
            As :meth:`get`.
        """
        query = {"partNumber": str(number), "uploadId": upload}

        def short() -> Said:
            return _done(self._answer("PUT", key, _compared(digest), query, body))

        def long(**about: Any) -> Said:
            said: Said = self._client().upload_part(**about, **_sum(digest), Body=b"".join(body))
            return said

        return self._asked(short, long, Key=key, UploadId=upload, PartNumber=number)

    def begin(self, key: str, **more: str) -> Said:
        """What ``create_multipart_upload`` says.

        Args:
            more: ``StorageClass``, ``ChecksumAlgorithm``.

        Raises:
            As :meth:`get`.
        """
        headers = _headers({name: more[name] for name in more if name in _HEADERS})
        if "ChecksumAlgorithm" in more:
            headers["x-amz-checksum-algorithm"] = more["ChecksumAlgorithm"]

        def short() -> Said:
            said = _document(self._answer("POST", key, headers, {"uploads": ""})).fields
            if not said.get("UploadId"):
                raise OddDocumentError("an upload without an id")
            return said

        return self._asked(short, "create_multipart_upload", Key=key, **more)

    def complete(self, key: str, upload: str, parts: Sequence[Mapping[str, Any]]) -> Said:
        """What ``complete_multipart_upload`` says, where nothing has the name.

        Raises:
            As :meth:`get`.
        """

        def short() -> Said:
            headers = {"if-none-match": "*"}
            body = [joined(parts)]
            said = _document(self._answer("POST", key, headers, {"uploadId": upload}, body))
            if said.name != "CompleteMultipartUploadResult":  # an error has this status, too
                raise OddDocumentError("an upload that was not completed")
            return said.fields

        whole = {"Parts": parts}
        return self._asked(
            short,
            "complete_multipart_upload",
            Key=key,
            UploadId=upload,
            MultipartUpload=whole,
            IfNoneMatch="*",
        )

    def listed(self, prefix: str) -> list[Row] | None:
        """What ``list_objects_v2`` says is there, where one page says all of it; else None."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        try:
            found = self._page(query, "ListBucketResult", "Contents")
        except _OtherAnswerError:
            return None
        if found is None or not all(row.get("Size", "").isdecimal() for row in found):
            return None
        return found

    def uploads(self, prefix: str) -> list[Row] | None:
        """What ``list_multipart_uploads`` says, where one page says all of it; else None. Where the
        service can't say it, or knows of none, there are none: whoever asks goes without.
        """
        query = {"uploads": "", "prefix": prefix}
        try:
            return self._page(query, "ListMultipartUploadsResult", "Uploads", "Upload")
        except _OtherAnswerError as other:
            return [] if other.status in _CAN_NOT_SAY else None

    def _page(self, query: Mapping[str, str], name: str, *rows: str) -> list[Row] | None:
        if not self._leads:
            return None
        try:
            said = self._patiently(lambda: _document(self._answer("GET", "", query=query)))
        except EndlessError:
            raise
        except (OddDocumentError, WireError):
            self._wire.going.expect()
            return None
        if said.name != name or said.fields.get("IsTruncated", "false") != "false":
            return None
        found = [row for each in rows for row in said.rows(each)]
        if not all(row.get("Key") for row in found):
            return None
        is_coded = said.fields.get("EncodingType") == "url"
        return [row | {"Key": unquote_plus(row["Key"])} if is_coded else row for row in found]

    def _asked(
        self, short: Callable[[], Said], long: str | Callable[..., Said], **about: Any
    ) -> Said:
        refused = False
        if self._leads:
            try:
                return self._patiently(short)
            except _OtherAnswerError as other:
                refused = other.status < _FAILED and other.status not in BUSY
            except EndlessError:
                raise
            except (OddDocumentError, WireError):
                self._wire.going.expect()  # cut, or late, or another service's: boto3 tries again
        asked = getattr(self._client(), long) if isinstance(long, str) else long
        said: Said = asked(Bucket=self._bucket, **about)
        if refused:
            self._leads = False  # boto3 knows a way that we don't: to another region, for one
        return said

    def _patiently(self, short: Callable[[], _T]) -> _T:
        """Ask the short way, again where the service says when."""
        for _ in range(_PAUSES):
            self._wire.going.expect()
            try:
                return short()
            except _OtherAnswerError as other:
                if not other.pause:
                    raise
                self._wire.going.pause(other.pause)
        return short()

    def _answer(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Sequence[Octets] = (),
    ) -> Answer:
        if not all(value.isascii() and value.isprintable() for value in (headers or {}).values()):
            raise WireError("a header that can't be sent")
        path, words = target(self._bucket, key, query)
        path = self._wire.below + path
        head = self._signer.signed(method, path, words, headers or {})
        return self._wire.ask(method, f"{path}?{words}" if words else path, head, body)


def _headers(said: Mapping[str, str]) -> dict[str, str]:
    return {_HEADERS[name]: value for name, value in said.items()}


def _compared(digest: str) -> dict[str, str]:
    """What tells a service to compare, as headers; nothing without a digest."""
    named = {"x-amz-checksum-sha256": digest, "x-amz-sdk-checksum-algorithm": "SHA256"}
    return named if digest else {}


def _sum(digest: str) -> dict[str, str]:
    """The same in boto3's words."""
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest} if digest else {}


def _plain(answer: Answer, *, is_part: bool = False) -> dict[str, Any]:
    """What an answer that is an object tells of it.

    Args:
        is_part: some of its octets were asked for.

    Raises:
        _OtherAnswerError: it is another one.
    """
    expected = (_OK, _PART) if is_part else (_OK,)
    if answer.status not in expected or answer.octets is None:
        raise _other(answer)
    said = {ours: answer.fields.get(theirs, "") for theirs, ours in _TOLD.items()}
    return {**said, "ContentLength": answer.octets}


def _done(answer: Answer) -> Said:
    """What an answer tells of octets that the service has now.

    Raises:
        _OtherAnswerError: it has not.
    """
    if answer.status != _OK:
        raise _other(answer)
    answer.document(_SHORT)
    return {ours: answer.fields.get(theirs, "") for theirs, ours in _TOLD.items()}


def _document(answer: Answer) -> Document:
    """What an answer says in XML.

    Raises:
        _OtherAnswerError: it says no.
        OddDocumentError: it says something else.
    """
    with answer:
        if answer.status != _OK:
            raise _other(answer)
        return Document(answer.document(_LISTING))


class _OtherAnswerError(Exception):
    """Anything but an object that is there, or is not.

    Attributes:
        pause: seconds that the service wants to be left alone; 0 where it does not say.
    """

    def __init__(self, status: int, pause: float) -> None:
        super().__init__(status)
        self.status, self.pause = status, pause


def _other(answer: Answer) -> _OtherAnswerError:
    answer.close()
    return _OtherAnswerError(answer.status, asked_for(answer.status, answer.fields))
