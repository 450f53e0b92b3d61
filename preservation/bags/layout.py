"""A bag as intake sees it: what it says of itself, and the digests to hold its payload to.

Payload files are not read here: packaging reads each of them once, and compares then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from preservation.bags.check_fixity import FixityCheck
from preservation.bags.completeness import (
    Differences,
    check_listings,
    check_oxum,
    check_tags,
    names_of,
)
from preservation.bags.contents import Contents, ContentsReader
from preservation.bags.findings import Findings
from preservation.bags.manifest import PAYLOAD
from preservation.bags.origin import FolderOrigin
from preservation.bags.tagfiles import Element
from preservation.files.sorting import aligned, distinct
from preservation.fixity.engine import EngineSettings
from preservation.model.deferred import dataclass
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
        fetch: there is a ``fetch.txt``.
        findings: about all but the payload's presence and bytes; tag files were compared with
            the tag manifests.
    """

    version: str
    encoding: str
    bag_info: tuple[Element, ...]
    fetch: bool
    findings: tuple[Finding, ...]
    _contents: Contents
    _differences: Differences

    def payload_digests(self) -> Iterator[tuple[bytes, tuple[Digest, ...]]]:
        """Every listed payload path, relative to ``data/``, with all digests listed for it.

        In the order of the listed paths; a name that has another Unicode form on disk is given
        as it is there.
        """
        pairs = (pair.partition(b"\0") for pair in names_of(self._differences.renamed))
        renamed = {listed: on_disk for listed, _, on_disk in pairs}
        manifests = self._contents.manifests
        streams = [listing.slices() for listing in manifests]
        streams += [distinct(listing.unusable.slices()) for listing in manifests]
        for pieces in aligned(streams):
            found: dict[bytes, tuple[Digest, ...]] = {}
            lists, unusable = pieces[: len(manifests)], pieces[len(manifests) :]
            for listing, piece, bad in zip(manifests, lists, unusable, strict=True):
                algorithm, without = listing.name.algorithm, set(bad.paths)
                for number, path in enumerate(piece.paths):
                    known = found.setdefault(path, ())
                    if algorithm is not None and path not in without:
                        found[path] = (*known, Digest(algorithm, piece.value(number)))
            for path in sorted(found):
                yield renamed.get(path, path)[len(PAYLOAD) :], found[path]


def open_bag(path: Path, *, unfinished: bool = False) -> BagLayout:
    """Read a bag's tag files, and verify them where tag manifests list them.

    Args:
        unfinished: members of its container were refused, so what seems to be missing may be
            among them: that is not told.

    Raises:
        UsageError: there is no folder at the path. Nothing that a bag holds raises.
        NotNowError: a temporary file cannot be written.
    """
    findings = Findings()
    findings.unfinished = unfinished
    with FolderOrigin(path, EngineSettings(workers=1), Silence()) as origin:
        contents = ContentsReader(origin, findings).read()
        check_oxum(contents, findings)
        differences = check_listings(contents, findings)
        check_tags(contents, findings)
        FixityCheck(origin, findings).run(contents.tags, contents.tag_manifests)
    return BagLayout(
        contents.declaration.version,
        contents.declaration.encoding,
        contents.bag_info,
        contents.fetch is not None,
        findings.all(),
        contents,
        differences,
    )
