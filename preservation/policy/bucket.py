"""The part of the policy language that says where a tier that is reached over HTTP is, and what
each kind of tier needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from preservation.policy.kinds import Choice, Field, Record, Text, Weaker
from preservation.policy.problem import Problems, quoted
from preservation.policy.said import BUILT_IN, Said, Wrong
from preservation.policy.texts import DURATION, SIZE, SOME_TIME

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-f:.]{2,45}\])"
_PORT = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
ENDPOINT = Text(
    "the URL of a service, without path and without keys; its port from 1 to 65535",
    rf"https?://{_HOST}(?::{_PORT})?/?",
)
BUCKET = Text(
    "the name of a bucket: 3 to 63 of a-z, 0-9, dots and hyphens",
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
)
_NAME = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,100}"
PREFIX = Text(
    "names of a-z, A-Z, 0-9 and . _ - with / between them", rf"{_NAME}(?:/{_NAME}){{0,7}}"
)
REGION = Text("a region: a-z, 0-9 and hyphens", r"[a-z0-9-]{1,40}")
CREDENTIAL = Text("the name of a key pair: a-z, 0-9 and hyphens", r"[a-z][a-z0-9-]{0,40}")
STORAGE_CLASS = Text("a storage class: A-Z, 0-9 and _", r"[A-Z][A-Z0-9_]{0,40}")

KINDS = ("local", "s3", "s3-archive", "archivematica")
BUCKETS = ("s3", "s3-archive")

LOCK = Record(
    (
        Field(
            "mode",
            Choice(("compliance", "governance", "none")),
            "S3 Object Lock. governance: who has the right to may lift it. compliance: nobody can.",
            "mode: governance",
            "none",
            weaker=Weaker.LATER,
        ),
        Field(
            "for",
            DURATION,
            "How long after it was written a replica can't be removed.",
            "for: 10y",
            "0s",
            weaker=Weaker.LESS,
        ),
    )
)

RECALL = Record(
    (
        Field(
            "speed",
            Choice(("standard", "bulk", "expedited")),
            "How fast, and how dear, an object is brought back from the archive class.",
            "speed: bulk",
            "standard",
        ),
        Field(
            "keep",
            SOME_TIME,
            "How long a recalled object can be read; whole days.",
            "keep: 3d",
            "7d",
        ),
    )
)

LEAST_OBJECT, MOST_OBJECT = 8 << 20, 5 << 40  # octets


def _wrong_limit(text: str) -> str:
    inside = LEAST_OBJECT <= SIZE.value(text) <= MOST_OBJECT
    return "" if inside else "smaller ones are too many, larger ones no service takes"


OBJECT_LIMIT = Text(
    "a size with its unit, from 8 MiB to 5 TiB", SIZE.pattern, SIZE.value, _wrong_limit, SIZE.spell
)

BUCKET_FIELDS = (
    Field(
        "endpoint",
        ENDPOINT,
        "The service. Without it, of a bucket, Amazon's own.",
        "endpoint: https://s3.example.org",
        "",
    ),
    Field("region", REGION, "Of a bucket: the service's region.", "region: cn-north-1", ""),
    Field("bucket", BUCKET, "Of kind s3: the bucket, which is there already.", "bucket: deep", ""),
    Field(
        "prefix",
        PREFIX,
        "Of a bucket: what every name in it begins with; no tier lies in another. Of kind "
        "archivematica: the path of the Storage Service below its host.",
        "prefix: samarkand",
        "",
    ),
    Field(
        "credential",
        CREDENTIAL,
        "The name of the key pair, or of the account and its API key. It is never written here: "
        "the environment carries it, as PRESERVATION_CREDENTIAL_<NAME>_ID and …_SECRET, or an "
        "Airflow connection named samarkand_<tier>.",
        "credential: deep",
        "",
    ),
    Field(
        "storage_class",
        STORAGE_CLASS,
        "Of a bucket: without it the service's default. Of kind s3: one that is read at once. Of "
        "kind s3-archive: one from which objects are recalled first; without it, GLACIER.",
        "storage_class: STANDARD_IA",
        "",
    ),
    Field(
        "object_limit",
        OBJECT_LIMIT,
        "Of a bucket: how large one object may be. A larger tar is kept in parts of this size, "
        "which `cat` joins.",
        "object_limit: 1 TiB",
        "5 TiB",
    ),
    Field("lock", LOCK, "Of a bucket: what protects each replica from removal."),
    Field("recall", RECALL, "Of kind s3-archive: how objects are brought back to be read."),
    Field(
        "immutable",
        Choice(("on", "off")),
        "Of kind local: each replica gets the immutable flag, which stops even root. It needs a "
        "file system that has one, and the right to set it.",
        "immutable: on",
        "off",
        weaker=Weaker.LATER,
    ),
    Field(
        "sharing",
        Choice(("off", "on")),
        "Of kind local: equal files of versions of one AIP share their blocks below the file "
        "system (XFS, btrfs). It saves space; what rots in a shared block is damaged in both.",
        "sharing: on",
        "off",
        weaker=Weaker.LATER,
    ),
)
_NEEDED = {
    "local": ("path",),
    "s3": ("bucket", "credential"),
    "s3-archive": ("bucket", "credential", "retrieval"),
    "archivematica": ("endpoint", "credential"),
}
_ONLY_WITH = {
    "path": ("local",),
    "immutable": ("local",),
    "sharing": ("local",),
    "endpoint": (*BUCKETS, "archivematica"),
    "prefix": (*BUCKETS, "archivematica"),
    "credential": (*BUCKETS, "archivematica"),
    "region": BUCKETS,
    "bucket": BUCKETS,
    "storage_class": BUCKETS,
    "object_limit": BUCKETS,
    "lock": BUCKETS,
    "recall": ("s3-archive",),
}


def check_kinds(tiers: Mapping[str, Said], problems: Problems) -> None:
    """Tell what a tier's kind needs and nobody said, and what another kind would have needed."""
    for name, tier in tiers.items():
        kind = tier.get("kind")
        if kind is None:
            continue
        for field in _NEEDED[kind.value]:
            said = tier.get(field)
            if said is not None and not said.value:
                allowed = f"a {field}: kind {kind.value} needs it"
                problems.add(
                    tier.at, f"tiers.{name}.{field}", "nothing", allowed, code="POL-MISSING"
                )
        for field, kinds in _ONLY_WITH.items():
            said = tier.get(field)
            if kind.value not in kinds and said is not None and said.at != BUILT_IN:
                found = f"{field} of a tier of kind {kind.value}"
                allowed = f"only with kind: {' or '.join(kinds)}"
                problems.add(said.at, f"tiers.{name}.{field}", found, allowed, code="POL-CROSS")
        _check_lock(name, tier, problems)


def _check_lock(name: str, tier: Said, problems: Problems) -> None:
    """A lock has a mode and a length, or neither."""
    mode, length = tier.get("lock", "mode"), tier.get("lock", "for")
    if mode is None or length is None or (mode.value == "none") == (length.value == 0):
        return
    wrong, allowed = (length, "a length above 0") if mode.value != "none" else (mode, "a mode")
    at = wrong.at if wrong.at != BUILT_IN else tier.at
    found = f"lock: {{mode: {mode.value}, for: {length.text}}}"
    hint = "write lock: {mode: governance, for: 10y}"
    problems.add(at, f"tiers.{name}.lock", found, allowed, code="POL-CROSS", hint=hint)


def check_apart(tiers: Mapping[str, Said], problems: Problems) -> None:
    """Tell tiers of which one lies in the other's part of a bucket."""
    seen: list[tuple[str, tuple[str, str], str]] = []
    for name, tier in tiers.items():
        values = [tier.get(field) for field in ("endpoint", "bucket", "prefix")]
        if any(one is None or one.value is Wrong for one in values):
            continue
        endpoint, bucket, prefix = (one.value for one in values if one is not None)
        if not bucket:
            continue
        where, below = (endpoint.rstrip("/").lower(), bucket), f"{prefix}/".lstrip("/")
        for other, there, within in seen:
            if there == where and (below.startswith(within) or within.startswith(below)):
                at = tier.get("bucket")
                problems.add(
                    at.at if at else tier.at,
                    f"tiers.{name}.prefix",
                    quoted(prefix),
                    f"a part of the bucket apart from that of the tier {other}",
                    code="POL-CROSS",
                )
        seen.append((name, where, below))
