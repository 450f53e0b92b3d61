"""The MIME types by which profiles call the containers of bags.

Registered names, and those that profiles in use have for the same thing. Source: IANA media
types; BagIt Profiles 1.4.0, Accept-Serialization.
"""

from __future__ import annotations

_TAR = ("application/tar", "application/x-tar", "application/x-gtar")
_ZIP = ("application/zip", "application/x-zip", "application/x-zip-compressed")


def _compressed(word: str, *names: str) -> tuple[str, ...]:
    whole = (f"application/tar+{word}", f"application/x-tar+{word}", f"application/x-{word}")
    return (f"application/{word}", *whole, *names)


_TYPES: dict[str, tuple[str, ...]] = {
    "tar": _TAR,
    "zip": _ZIP,
    "tar.gz": _compressed(
        "gzip", "application/gtar", "application/x-tgz", "application/x-compressed-tar"
    ),
    "tar.bz2": _compressed(
        "bzip2", "application/x-bzip", "application/x-bzip-compressed-tar", "application/x-bz2"
    ),
    "tar.xz": _compressed("xz", "application/x-xz-compressed-tar"),
    "tar.zst": _compressed("zstd", "application/x-zstd-compressed-tar"),
}
_KINDS = {"tgz": "tar.gz", "tbz2": "tar.bz2", "txz": "tar.xz", "tzst": "tar.zst"}


def media_types(container: str) -> frozenset[str]:
    """Every name of a kind of container (``tar.gz``); lower case; empty for an unknown one."""
    kind = container.lower().lstrip(".")
    return frozenset(_TYPES.get(_KINDS.get(kind, kind), ()))


def media_type(container: str) -> str:
    """The name under which we write it into a profile; empty for an unknown kind."""
    return next(iter(_TYPES.get(container, ("",))))
