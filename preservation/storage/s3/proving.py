"""What an S3 service really does, tried out with small objects under a name of their own.

Services differ in what they claim and what they do: some ignore conditions, some take a wrong
digest and give it back as the right one. Nothing that was not seen here is relied on.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from preservation.errors import NotNowError
from preservation.storage.proof import Proof
from preservation.storage.s3.failures import code_of, etag_of, given
from preservation.storage.s3.place import RANGED, REFUSES_WRONG, S3Place
from preservation.storage.steps import PROBE

_DATA = b"samarkand tries out what this service does\n" * 100
_LOCKED = timedelta(minutes=5)
_WRONG = base64.b64encode(bytes(32)).decode()


def prove(place: S3Place) -> Iterator[Proof]:
    """Try one thing after the other; what was written for it is removed at the end.

    Raises:
        TierUnavailableError: the service does not answer.
    """
    room = f"{PROBE}{os.urandom(8).hex()}/"
    try:
        for what, (trial, needed) in _TRIALS.items():
            with place.errors():
                holds, detail = _tried(trial, place, room)
            yield Proof(what, holds, detail, needed)
        yield _prove_lock(place, room)
        with place.errors():
            holds, detail = _tried(_removes, place, room)
        yield Proof("removes what it is told to remove", holds, detail, needed=False)
    finally:
        with suppress(NotNowError):
            place.clear(room)
        with suppress(NotNowError, ClientError):
            _clear_versions(place, room)


def _clear_versions(place: S3Place, room: str) -> None:
    """Take away what a bucket with versions still keeps of the probe; what the probe locked,
    where we have the right to. The rest stays under the probe's name.
    """
    prefix = place.address.prefix + room
    bucket = place.address.bucket
    said = place.client.list_object_versions(Bucket=bucket, Prefix=prefix)
    for one in (*said.get("Versions", ()), *said.get("DeleteMarkers", ())):
        about = {"Bucket": bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
        try:
            place.client.delete_object(**about)
        except ClientError:
            with suppress(ClientError):
                place.client.delete_object(**about, BypassGovernanceRetention=True)


def _tried(
    trial: Callable[[S3Place, str], bool | None], place: S3Place, room: str
) -> tuple[bool | None, str]:
    try:
        return trial(place, room), ""
    except ClientError as error:
        return False, f"it says {code_of(error)}"
    except NotNowError as error:
        place.check()  # nothing is known of a service that has gone away
        return False, error.message


def _refused(act: Callable[..., Any], **said: Any) -> bool:
    """Whether the service says no to something, by a 4xx answer."""
    try:
        act(**said)
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if 400 <= status < 500:
            return True
        raise
    return False


def _put(place: S3Place, name: str, **more: Any) -> Mapping[str, Any]:
    said: Mapping[str, Any] = place.client.put_object(**place.about(name), Body=_DATA, **more)
    return said


def _gives_back(place: S3Place, room: str) -> bool:
    _put(place, room + "whole")
    return place.get(room + "whole") == _DATA


def _lists(place: S3Place, room: str) -> bool:
    _put(place, room + "listed")
    return any(one.name == room + "listed" and one.octets == len(_DATA) for one in place.list(room))


def _ranged(place: S3Place, room: str) -> bool:
    _put(place, room + "ranged")
    about = place.about(room + "ranged")
    said = place.client.get_object(**about, Range="bytes=100-199")
    return bool(said["Body"].read() == _DATA[100:200])


def _parts(place: S3Place, room: str) -> bool:
    about = place.about(room + "parts")
    id_ = given(place.client.create_multipart_upload(**about), "UploadId")
    part = place.client.upload_part(**about, UploadId=id_, PartNumber=1, Body=_DATA)
    listed = place.client.list_parts(**about, UploadId=id_).get("Parts", ())
    whole = {"Parts": [{"PartNumber": 1, "ETag": etag_of(part)}]}
    place.client.complete_multipart_upload(**about, UploadId=id_, MultipartUpload=whole)
    return len(listed) == 1 and place.get(room + "parts") == _DATA


def _creates(place: S3Place, room: str) -> bool:
    _put(place, room + "new", IfNoneMatch="*")
    return _refused(_put, place=place, name=room + "new", IfNoneMatch="*")


def _replaces(place: S3Place, room: str) -> bool:
    _put(place, room + "old")
    return _refused(_put, place=place, name=room + "old", IfMatch='"0123456789abcdef"')


def _reads_as_it_was(place: S3Place, room: str) -> bool:
    _put(place, room + "seen")
    about = place.about(room + "seen")
    return _refused(place.client.get_object, **about, IfMatch='"0123456789abcdef"')


def _refuses_sha256(place: S3Place, room: str) -> bool:
    name = room + "sha256"
    return _refused(_put, place=place, name=name, ChecksumAlgorithm="SHA256", ChecksumSHA256=_WRONG)


def _refuses_md5(place: S3Place, room: str) -> bool:
    wrong = base64.b64encode(bytes(16)).decode()
    return _refused(_put, place=place, name=room + "md5", ContentMD5=wrong)


def _keeps_digest(place: S3Place, room: str) -> bool:
    digest = base64.b64encode(hashlib.sha256(_DATA).digest()).decode()
    _put(place, room + "digest", ChecksumAlgorithm="SHA256", ChecksumSHA256=digest)
    said = place.client.head_object(**place.about(room + "digest"), ChecksumMode="ENABLED")
    return bool(said.get("ChecksumSHA256") == digest)


def _keeps_metadata(place: S3Place, room: str) -> bool:
    _put(place, room + "metadata", Metadata={"made-by": "samarkand"})
    said = place.client.head_object(**place.about(room + "metadata"))
    return bool(said["Metadata"] == {"made-by": "samarkand"})


def _removes(place: S3Place, room: str) -> bool:
    place.clear(room)
    return not any(place.list(room))


def _versions(place: S3Place, _: str) -> bool:
    said = place.client.get_bucket_versioning(Bucket=place.address.bucket)
    return bool(said.get("Status") == "Enabled")


def _prove_lock(place: S3Place, room: str) -> Proof:
    """Lock a small object for some minutes and try to remove it. Needed where replicas are to
    be locked; elsewhere only tried where the bucket says that it can.
    """
    what, needed = "locks what it is told to lock", place.lock is not None
    with place.errors():
        if not place.locking.can_lock():
            return Proof(what, False, "the bucket was made without Object Lock", needed)
        try:
            return Proof(what, _locks(place, room), needed=needed)
        except ClientError as error:
            return Proof(what, False, f"it says {code_of(error)}", needed)


def _locks(place: S3Place, room: str) -> bool:
    about = place.about(room + "locked")
    said = _put(place, room + "locked")
    version, date = said.get("VersionId", ""), said["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not version or not date:
        return False
    until = parsedate_to_datetime(date) + _LOCKED  # the service's own time is what counts
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    place.client.put_object_retention(**about, Retention=retention)
    return _refused(place.client.delete_object, **about, VersionId=version)


_TRIALS: dict[str, tuple[Callable[[S3Place, str], bool | None], bool]] = {
    "gives back what was written": (_gives_back, True),
    "lists what was written": (_lists, True),
    "takes an object in parts, and lists them": (_parts, False),
    RANGED: (_ranged, True),
    "reads only the very object that was seen": (_reads_as_it_was, False),
    "refuses to overwrite when it is told to create": (_creates, False),
    "refuses to replace another object than the one named": (_replaces, False),
    REFUSES_WRONG: (_refuses_sha256, False),
    "refuses octets that do not have the MD5 they came with": (_refuses_md5, False),
    "tells the SHA-256 that an object came with": (_keeps_digest, False),
    "keeps metadata as it was given": (_keeps_metadata, False),
    "keeps former versions of an object": (_versions, False),
}
