"""What a bucket lists below one prefix: objects, first parts of their names, uploads under way.

A page that neither names its bucket nor says whether it is the last is none of S3's: boto3 takes
any document for a listing of nothing, and what is not listed may count as gone.

Source: Amazon S3 API Reference, ListObjectsV2, ListMultipartUploads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from preservation.model.deferred import dataclass
from preservation.storage.s3.address import Address
from preservation.storage.s3.asking import Asking, Said
from preservation.storage.s3.failures import NotS3Error, given, octets_of, refusals

_PAGE = ("Name", "Bucket", "IsTruncated")


@dataclass(frozen=True, slots=True)
class Object:
    """An object as a listing or a HEAD tells of it. The ETag names these very octets; a listing
    has none for what is being written.
    """

    name: str  # the key below the prefix
    octets: int
    etag: str
    storage_class: str = ""  # empty: the service's default, or it does not say
    restore: str = ""  # what a HEAD says of a recall: S3's ``x-amz-restore``


@dataclass(frozen=True)
class Listing:
    """Lists one prefix, the short way where one page has all, else by boto3.

    Attributes:
        client: gives boto3's.
        errors: tells failures of the service as the tier's; whatever is here may raise them.
    """

    asking: Asking
    client: Callable[[], Any]
    address: Address
    errors: Callable[[], AbstractContextManager[None]]

    def objects(self, prefix: str) -> Iterator[Object]:
        """Every object whose name begins so, by name."""
        with self.errors():
            found = self.asking.listed(self.address.prefix + prefix)
            if found is None:
                pages = self.pages("list_objects_v2", prefix)
                found = [each for page in pages for each in page.get("Contents", ())]
            for each in found:
                octets = octets_of(each, "Size")
                yield Object(self._name(each, prefix), octets, str(each.get("ETag") or ""))

    def top(self) -> Iterator[str]:
        """Every first part of a name, those of folders with ``/`` at the end."""
        with self.errors():
            for page in self.pages("list_objects_v2", "", Delimiter="/"):
                for one in page.get("CommonPrefixes", ()):
                    yield self._name({"Key": one.get("Prefix")}, "")
                yield from (self._name(one, "") for one in page.get("Contents", ()))

    def touched(self, prefix: str) -> datetime:
        """When the newest object whose name begins so was written; long ago, if there is none."""
        newest = datetime.fromtimestamp(0, UTC)
        with self.errors():
            for page in self.pages("list_objects_v2", prefix):
                for one in page.get("Contents", ()):
                    given(one, "LastModified")
                    newest = max(newest, one["LastModified"])
        return newest

    def uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Name and id of uploads that were begun and not completed; none where nobody can say."""
        with self.errors():
            found = self.asking.uploads(self.address.prefix + prefix)
            if found is None:
                try:
                    pages = self.pages("list_multipart_uploads", prefix)
                    found = [each for page in pages for each in page.get("Uploads", ())]
                except refusals():
                    return
            for each in found:
                yield self._name(each, prefix), given(each, "UploadId")

    def pages(self, kind: str, prefix: str, **more: str) -> Iterator[Said]:
        """What boto3 lists, page by page.

        Args:
            kind: what it calls such a listing.

        Raises:
            ClientError, BotoCoreError: as boto3 does.
            NotS3Error: it is none.
        """
        pages = (
            self.client()
            .get_paginator(kind)
            .paginate(Bucket=self.address.bucket, Prefix=self.address.prefix + prefix, **more)
        )
        for page in pages:
            if not any(word in page for word in _PAGE):
                raise NotS3Error
            yield page

    def _name(self, said: Said, prefix: str) -> str:
        key = given(said, "Key")
        if not key.startswith(self.address.prefix + prefix):
            raise NotS3Error("it lists other names than those that it is asked for")
        return key[len(self.address.prefix) :]
