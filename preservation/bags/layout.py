"""A bag as intake sees it: what it says of itself, and the digests to hold its payload to.

Payload files are not read here: packaging reads each of them once, and compares then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from preservation.bags.check_fixity import FixityCheck
from preservation.bags.completeness import check_listings, check_oxum, match_names
from preservation.bags.contents import Contents, Listing, read_contents
from preservation.bags.findings import Findings
from preservation.bags.manifest import PAYLOAD
from preservation.bags.tagfiles import Element
from preservation.fixity.engine import EngineSettings, never
from preservation.model.digest import Digest
from preservation.model.finding import Finding
from preservation.model.progress import Silence


@dataclass(frozen=True, slots=True)
class BagLayout:
    """A bag, read except for its payload.

    Attributes:
        version: as declared; empty if it is not.
        encoding: the codec of its tag files.
        bag_info: elements in order.
        tag_files: paths of all regular files outside ``data/``.
        fetch: there is a ``fetch.txt``.
        findings: about all but the payload's presence and bytes; tag files were compared with
            the tag manifests.
    """

    version: str
    encoding: str
    bag_info: tuple[Element, ...]
    tag_files: tuple[bytes, ...]
    fetch: bool
    findings: tuple[Finding, ...]
    _contents: Contents
    _renamed: Mapping[bytes, bytes]

    def payload_digests(self) -> Iterator[tuple[bytes, tuple[Digest, ...]]]:
        """Every listed payload path, relative to ``data/``, with all digests listed for it.

        A name that has another Unicode form on disk is given as it is there.
        """
        for path in sorted(self._contents.listed):
            found = (_digest(listing, path) for listing in self._contents.manifests)
            on_disk = self._renamed.get(path, path)[len(PAYLOAD) :]
            yield on_disk, tuple(digest for digest in found if digest is not None)


def open_bag(path: Path) -> BagLayout:
    """Read a bag's tag files, and verify them where tag manifests list them.

    Raises:
        UsageError: there is no folder at the path. Nothing that a bag holds raises.
    """
    findings = Findings()
    contents = read_contents(path, findings)
    check_oxum(contents, findings)
    check_listings(contents, findings)
    renamed = match_names(contents, findings)
    check = FixityCheck(
        path.resolve(), findings, EngineSettings(workers=1), Silence(), cancelled=never
    )
    listed = set[bytes]().union(*(each.entries for each in contents.tag_manifests))
    # Absent ones are told by this too: no file is missing quietly.
    check.run(sorted(listed - contents.odd), contents.tag_manifests)
    return BagLayout(
        contents.declaration.version,
        contents.declaration.encoding,
        contents.bag_info,
        tuple(sorted(contents.tags)),
        contents.fetch is not None,
        findings.all(),
        contents,
        renamed,
    )


def _digest(listing: Listing, path: bytes) -> Digest | None:
    value, algorithm = listing.entries.get(path), listing.name.algorithm
    return Digest(algorithm, value) if value and algorithm is not None else None
