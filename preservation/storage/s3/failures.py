"""What an S3 service says when it does not do what it was asked: one sentence, and what to do.

Nothing here repeats a key, a signature or a whole answer.
"""

from __future__ import annotations

import re
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from preservation.errors import NoSpaceError, NotNowError, TierUnavailableError
from preservation.storage.s3.address import Address
from preservation.storage.s3.line import WireError
from preservation.storage.s3.waiting import LaterError

ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN = frozenset({"412", "409", "PreconditionFailed", "ConditionalRequestConflict"})
_KEYS = ("the key pair is wrong, or has expired", "see to the credential {credential!r}")
_RIGHTS = (
    "the key pair may not do this",
    "give the credential {credential!r} the right to list, read and write below {place}",
)
_REGION = ("it is in another region", "mend region in tiers.yaml")
_DATE = 40  # characters of a header
_LATER = "try again later; if it says so again, ask whoever runs the service"
_ELSEWHERE = (
    "what answers there sends us elsewhere, which a service does not",
    "mend endpoint in tiers.yaml: is it a portal, or the service's former address?",
)
_NO_BUCKET = ("there is no such bucket", "make the bucket, or mend tiers.yaml")
_KNOWN = {
    "NoSuchBucket": _NO_BUCKET,
    "404": (_NO_BUCKET[0] + ", or what answers there is not S3", "mend tiers.yaml"),
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _KEYS,
    "InvalidToken": _KEYS,
    "401": _KEYS,
    "AccessDenied": _RIGHTS,
    "403": _RIGHTS,
    "RequestTimeTooSkewed": ("the clocks differ too much", "set this machine's clock right"),
    "RequestExpired": ("the clocks differ too much", "set this machine's clock right"),
    "AuthorizationHeaderMalformed": _REGION,
    "InvalidRegion": _REGION,
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "302": _ELSEWHERE,
    "303": _ELSEWHERE,
    "307": _ELSEWHERE,
    "308": _ELSEWHERE,
    "IllegalLocationConstraintException": _REGION,
    "InvalidObjectState": (
        "the object has to be recalled before it can be read",
        "`preserve tier recall` asks for it; declare such a tier with kind: s3-archive",
    ),
    "InvalidStorageClass": ("it has no such storage class", "mend storage_class in tiers.yaml"),
    "GlacierExpeditedRetrievalNotAvailable": (
        "it takes no expedited recall now",
        "try again later, or write speed: standard for the tier's recall",
    ),
    "KeyTooLongError": ("its names may not be as long as ours", "shorten prefix in tiers.yaml"),
    "XMinioInvalidObjectName": ("it can't hold our names", "shorten prefix in tiers.yaml"),
    "SlowDown": ("the service asks us to slow down", "try again later"),
    "TooManyRequests": ("the service asks us to slow down", "try again later"),
    "429": ("the service asks us to slow down", "try again later"),
    "503": ("the service is overloaded", "try again later"),
}
_FULL = frozenset({"QuotaExceeded", "EntityTooLarge", "XMinioStorageFull", "507"})
_NO_TLS = ("WRONG_VERSION_NUMBER", "record layer failure", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_BOTO, _PARSERS, _HTTP = "botocore.exceptions", "botocore.parsers", "urllib3.exceptions"
_OCTETS = re.compile("[0-9]{1,18}")
_CUT = ("ConnectionError", "HTTPClientError", "IncompleteReadError")


class NotS3Error(Exception):
    """An answer that is none of an S3 service: a shop, a portal, a proxy's page. Its text says
    what is wrong about it, where that is less than all.
    """


def given(said: Mapping[str, Any], what: str) -> str:
    """What every S3 service gives with such an answer; nothing else that answers does.

    Raises:
        NotS3Error: it is not there. :func:`s3_errors` tells it.
    """
    if not said.get(what) and said.get(what) != 0:
        raise NotS3Error
    return str(said[what])


def octets_of(said: Mapping[str, Any], what: str = "ContentLength") -> int:
    """A number of octets that comes with an object.

    Raises:
        NotS3Error: as :func:`given`; or it is no such number.
    """
    found = given(said, what)
    if not _OCTETS.fullmatch(found):
        raise NotS3Error
    return int(found)


def etag_of(said: Mapping[str, Any]) -> str:
    """The ETag that comes with an object.

    Raises:
        NotS3Error: as :func:`given`.
    """
    return given(said, "ETag")


def refusals() -> tuple[type[Exception], ...]:
    """What boto3 raises where a service says no; nothing as long as nobody had to ask boto3."""
    return _kinds(_BOTO, "ClientError")


def _kinds(module: str, *names: str) -> tuple[type[Exception], ...]:
    """Exceptions of a library that may not be loaded: then nobody raised them."""
    loaded = sys.modules.get(module)
    return tuple(getattr(loaded, name) for name in names) if loaded else ()


def _cuts() -> tuple[type[Exception], ...]:
    ours = (ConnectionError, TimeoutError)
    return (*ours, *_kinds(_BOTO, *_CUT), *_kinds(_HTTP, "HTTPError"))


def _is_odd(error: BaseException) -> bool:
    """Whether the answer is to blame. Over numbers and times that are none botocore stumbles."""
    if isinstance(error, ValueError):
        *_, (last, _) = traceback.walk_tb(error.__traceback__)
        return str(last.f_globals.get("__name__")).startswith("botocore.")
    return isinstance(error, (NotS3Error, *_kinds(_PARSERS, "ResponseParserError")))


def code_of(error: Any) -> str:
    """The service's word for what is wrong, or the HTTP status where it has none."""
    said = str(error.response.get("Error", {}).get("Code") or "")
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    return said or status


def is_cut(error: BaseException) -> bool:
    """Whether the connection is to blame, so that the rest can be asked for again."""
    return isinstance(error, _cuts()) and not isinstance(error, _kinds(_BOTO, "SSLError"))


@contextmanager
def s3_errors(tier: str, address: Address) -> Iterator[None]:
    """Tell what stopped us on an S3 tier.

    Raises:
        TierUnavailableError: nothing is known about what is there.
        NoSpaceError: a quota is used up.
    """
    try:
        yield
    except Exception as error:
        known = (*_kinds(_BOTO, "BotoCoreError"), *refusals(), *_cuts())
        if not isinstance(error, (LaterError, *known)) and not _is_odd(error):
            raise
        raise _told(tier, address, error) from None  # its text may repeat a request's headers


def _clock(code: str, error: Any) -> str:
    """Some services call it a matter of rights when the clocks differ: so theirs is told."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    date = str(headers.get("date", ""))[:_DATE]
    if not date or _KNOWN.get(code) not in (_KEYS, _RIGHTS):
        return ""
    return f"; or set this machine's clock right: the service's says {date}"


def _no_answer(error: BaseException) -> tuple[str, str]:
    """Why nothing was answered, as far as the system says it, and what to do."""
    first: BaseException | None = error
    while first is not None:
        if isinstance(first, socket.gaierror):
            return "no answer (no machine has that name)", (
                "mend endpoint in tiers.yaml, or see to this machine's name service; try again"
            )
        if isinstance(first, ConnectionRefusedError):
            return "no answer (nothing listens at that port)", (
                "is the service up? is it the right port in endpoint? try again later"
            )
        first = first.__context__
    return f"no answer ({type(error).__name__})", "is the service up? try again later"


def _told(tier: str, address: Address, error: Exception) -> NotNowError:
    no_tls = _kinds(_BOTO, "SSLError")
    if isinstance(error, LaterError):
        hint = "try again then; until then nothing is known of what is there"
        return TierUnavailableError(f"tier {tier} at {address}: {error}", hint=hint, code="TIER-S3")
    if isinstance(error, refusals()):
        code = code_of(error)
        if code in _FULL:
            return NoSpaceError(
                f"tier {tier}: the service says {code}", hint="ask its operator for more space"
            )
        said, hint = _KNOWN.get(code, (f"the service says {code or 'nothing that is S3'}", _LATER))
        hint = hint.format(credential=address.credential, place=address) + _clock(code, error)
        return TierUnavailableError(f"tier {tier} at {address}: {said}", hint=hint, code="TIER-S3")
    if isinstance(error, no_tls) and any(word in str(error) for word in _NO_TLS):
        said, hint = "it does not speak TLS", "write http:// in endpoint, or name the right port"
    elif isinstance(error, no_tls):
        said, hint = "its certificate does not verify", "is it the right host? mend its certificate"
    elif _is_odd(error):
        known = str(error) if isinstance(error, NotS3Error) else ""
        said, hint = known or "what answers there is not S3", "mend endpoint in tiers.yaml"
    elif isinstance(error, WireError):
        said, hint = f"no answer ({error})", "is the service up? try again later"
    elif is_cut(error):
        said, hint = _no_answer(error)
    else:
        said, hint = f"it can't be asked ({type(error).__name__})", "mend its entry in tiers.yaml"
    return TierUnavailableError(f"tier {tier} at {address}: {said}", hint=hint, code="TIER-S3")
