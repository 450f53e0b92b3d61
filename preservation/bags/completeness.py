"""Whether all that should be in a bag is there, and nothing else. Set operations over names.

Source: RFC 8493 sections 2.1.3, 2.2.1, 2.2.3, 3, 6.1.1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from preservation.bags.contents import Contents, sizes
from preservation.bags.findings import Findings
from preservation.model.names import display


def check_oxum(contents: Contents, findings: Findings) -> None:
    """Compare Payload-Oxum, if there is a usable one, with sizes and number of files."""
    if contents.oxum is not None and contents.oxum != sizes(contents.payload):
        said = ".".join(map(str, contents.oxum))
        found = ".".join(map(str, sizes(contents.payload)))
        findings.add("BAG-OXUM", "bag-info.txt", f"It says {said}; there is {found}.")


def check_completeness(contents: Contents, findings: Findings) -> dict[bytes, bytes]:
    """Compare what is there with what is listed.

    Returns:
        For paths whose Unicode form differs on disk, the path on disk by the one listed.
    """
    check_listings(contents, findings)
    listed, renamed = contents.listed, match_names(contents, findings)
    _tell_missing(contents, listed - contents.payload.keys() - renamed.keys(), findings)
    for path in sorted(contents.payload.keys() - listed - set(renamed.values())):
        findings.add("BAG-FILE-UNLISTED", display(path))
    for listing in contents.tag_manifests:
        _tell_missing(contents, listing.entries.keys() - contents.tags.keys(), findings)
    _check_collisions(contents.payload, findings)
    return renamed


def match_names(contents: Contents, findings: Findings) -> dict[bytes, bytes]:
    """Payload files whose name on disk has another Unicode form than the one listed.

    Returns:
        The path on disk by the one listed, where there is no doubt which belong together.
    """
    listed = contents.listed
    renamed = _pair(listed - contents.payload.keys(), contents.payload.keys() - listed)
    for path, found in renamed.items():
        findings.add("BAG-NAME-NORMALISED", display(path), f"Found: {display(found)}.")
    return renamed


def check_listings(contents: Contents, findings: Findings) -> None:
    """Compare the manifests and ``fetch.txt`` with each other; no payload is looked at."""
    listed = contents.listed if len(contents.manifests) > 1 or contents.fetch else set()
    for listing in contents.manifests:
        shown = f"Not in {display(listing.name.name)}."
        absent = set() if findings.legacy else listed - listing.entries.keys()
        for path in sorted(absent):
            findings.add("BAG-MANIFEST-DIFFER", display(path), shown)
    for path in sorted((contents.fetch or set()) - listed):
        findings.add("BAG-FETCH-PATH", display(path), "No manifest lists it.")
    if contents.tag_manifests:
        _check_tag_manifests(contents, findings)


def _check_tag_manifests(contents: Contents, findings: Findings) -> None:
    names = {listing.name.name for listing in contents.tag_manifests}
    for listing in contents.tag_manifests:
        shown = display(listing.name.name)
        for manifest in contents.manifests:
            if manifest.name.name not in listing.entries:
                absent = f"Not listed: {display(manifest.name.name)}."
                findings.add("BAG-TAGMANIFEST-PARTIAL", shown, absent)
        names |= listing.entries.keys()
    payload_manifests = {listing.name.name for listing in contents.manifests}
    for path in sorted(contents.tags.keys() - names - payload_manifests):
        findings.add("BAG-TAG-UNLISTED", display(path))


def _tell_missing(contents: Contents, paths: Iterable[bytes], findings: Findings) -> None:
    for path in sorted(paths):
        if contents.fetch is not None and path in contents.fetch:
            findings.add("BAG-FETCH-ABSENT", display(path))
        elif not _is_odd(contents, path):
            findings.add("BAG-FILE-MISSING", display(path))


def _is_odd(contents: Contents, path: bytes) -> bool:
    """True if the path, or a folder on its way, was told already as something odd."""
    if not contents.odd:
        return False
    while path and path not in contents.odd:
        path = path.rpartition(b"/")[0]
    return bool(path)


def _pair(missing: set[bytes], unlisted: set[bytes]) -> dict[bytes, bytes]:
    """Listed names that are on disk in another Unicode form, where there is no doubt."""
    found: dict[str, list[bytes]] = {}
    for path in unlisted if missing else ():
        found.setdefault(_normal(path), []).append(path)
    pairs = {path: found[_normal(path)] for path in missing if _normal(path) in found}
    taken = [paths[0] for paths in pairs.values()]
    return {
        path: paths[0]
        for path, paths in pairs.items()
        if len(paths) == 1 and taken.count(paths[0]) == 1
    }


def _normal(path: bytes) -> str:
    return unicodedata.normalize("NFC", path.decode("utf-8", "surrogateescape"))


def _check_collisions(paths: Iterable[bytes], findings: Findings) -> None:
    seen: dict[str, bytes] = {}
    for path in paths:
        # Lower case of ASCII is what casefold gives, at a tenth of its price.
        key = path.decode().lower() if path.isascii() else _normal(path).casefold()
        other = seen.setdefault(key, path)
        if other is not path:
            findings.add("BAG-NAMES-COLLIDE", display(path), f"The other: {display(other)}.")
