"""The client of boto3, for whatever is not asked the short way; nothing else imports boto3."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.utils import get_environ_proxies

from preservation.storage.credentials import Keys
from preservation.storage.s3.address import Address
from preservation.storage.s3.bounded import Session
from preservation.storage.s3.line import WAIT
from preservation.storage.s3.wire import CONNECT, KEPT, named_bundle

# What a user's own files and profile say is no tier's: keys and endpoint are named, or absent.
_NO_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# The description of S3 is a megabyte of JSON: it is parsed once, not for every client.
_MODELS = botocore.loaders.create_loader()


def client(address: Address, keys: Callable[[], Keys]) -> Any:
    """A client that asks what we ask, and nothing else.

    Checksums of the SDK's own are off: ours decide, and some services answer a ranged read with
    the whole object's. Bodies are not signed a second time: each carries its SHA-256.
    """
    ground = botocore.session.Session(session_vars=_NO_SETTINGS)
    ground.register_component("data_loader", _MODELS)
    ground.register_component("credential_provider", _Provider(keys))
    session = boto3.session.Session(
        botocore_session=ground,
        region_name=address.region,
    )
    made = session.client(
        "s3",
        endpoint_url=address.endpoint or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path", "payload_signing_enabled": False},
            ignore_configured_endpoint_urls=True,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "max_attempts": 3},
        ),
    )
    sending = Session(
        verify=named_bundle() or True,
        proxies=get_environ_proxies(made.meta.endpoint_url),
        timeout=(CONNECT, WAIT),
        max_pool_connections=KEPT,
    )
    made.meta.events.register_first("before-send.s3", sending.answer)
    made.meta.events.register_last("before-parameter-build.s3", _ask_once_for_the_region)
    return made


class _Live(Credentials):  # type: ignore[misc]  # botocore has no types
    """Keys as botocore asks for them before each signature."""

    def __init__(self, keys: Callable[[], Keys]) -> None:
        now = keys()
        super().__init__(now.id, now.secret, now.token or None)
        self._keys = keys

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        now = self._keys()
        return ReadOnlyCredentials(now.id, now.secret, now.token or None)


class _Provider:
    """Where a session of botocore's has its keys from; it looks nowhere else."""

    def __init__(self, keys: Callable[[], Keys]) -> None:
        self._keys = keys

    def load_credentials(self) -> _Live:
        return _Live(self._keys)


def _ask_once_for_the_region(model: Any, context: dict[str, Any], **_: Any) -> None:
    """Botocore asks HEAD of a bucket where another region answers and none is named, and takes that
    answer in turn as one of another region, twenty times over.
    """
    if model.name == "HeadBucket":
        context["s3_redirect"]["redirected"] = True
