"""The part of the policy language that says where a tier in a bucket is, and what kinds need."""

from __future__ import annotations

from collections.abc import Mapping

from preservation.policy.kinds import Field, Text
from preservation.policy.problem import Problems, quoted
from preservation.policy.said import BUILT_IN, Said, Wrong

ENDPOINT = Text(
    "the URL of a service, without path and without keys",
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?/?",
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

BUCKET_FIELDS = (
    Field(
        "endpoint",
        ENDPOINT,
        "Of kind s3: the service. Without it, Amazon's own.",
        "endpoint: https://s3.example.org",
        "",
    ),
    Field("region", REGION, "Of kind s3: the service's region.", "region: cn-north-1", ""),
    Field("bucket", BUCKET, "Of kind s3: the bucket, which is there already.", "bucket: deep", ""),
    Field(
        "prefix",
        PREFIX,
        "Of kind s3: what every name in the bucket begins with. No tier lies in another.",
        "prefix: samarkand",
        "",
    ),
    Field(
        "credential",
        CREDENTIAL,
        "Of kind s3: the name of the key pair. Its keys are never written here: the environment "
        "carries them, as PRESERVATION_CREDENTIAL_<NAME>_ID and …_SECRET.",
        "credential: deep",
        "",
    ),
    Field(
        "storage_class",
        STORAGE_CLASS,
        "Of kind s3: one from which octets can be read at once. Without it, the service's default.",
        "storage_class: STANDARD_IA",
        "",
    ),
)
_NEEDED = {"local": ("path",), "s3": ("bucket", "credential")}
_OWN = {"local": ("path",), "s3": tuple(one.name for one in BUCKET_FIELDS)}


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
        for other, fields in _OWN.items():
            for field in fields:
                said = tier.get(field)
                if other != kind.value and said is not None and said.at != BUILT_IN:
                    found = f"{field} of a tier of kind {kind.value}"
                    allowed = f"only with kind: {other}"
                    problems.add(said.at, f"tiers.{name}.{field}", found, allowed, code="POL-CROSS")


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
