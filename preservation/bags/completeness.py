"""Whether all that should be in a bag is there, and nothing else.

Sorted lists of names are read side by side, a stretch at a time; where all agree, that is one
comparison. What differs is sorted again, on disk if there is much of it, and told in order.

Source: RFC 8493 sections 2.1.3, 2.2.1, 2.2.3, 3, 6.1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import chain

from preservation.bags.contents import Contents, Listing
from preservation.bags.findings import Findings
from preservation.bags.lenient import Leniency
from preservation.bags.likeness import Key, collisions, composed, decoded, pairs
from preservation.files.sorting import Slice, Sorter, aligned, distinct
from preservation.model.deferred import dataclass
from preservation.model.names import display


@dataclass(slots=True)
class _Stretch:
    """The same stretch of names: on disk, in ``fetch.txt``, and in each manifest."""

    on_disk: list[bytes]
    fetch: list[bytes]
    lists: list[list[bytes]]

    @property
    def agrees(self) -> bool:
        """True if all name the same, as nearly always."""
        same = all(names == self.on_disk for names in self.lists)
        return same and bool(self.lists) and not self.fetch

    @property
    def listed(self) -> set[bytes]:
        """Every path in any manifest."""
        return set().union(*self.lists)


@dataclass(slots=True)
class Differences:
    """Where names on disk and names in payload manifests differ.

    Attributes:
        missing: listed, not there, and not in ``fetch.txt`` either.
        unfetched: listed, not there, but in ``fetch.txt``.
        unlisted: there, and in no manifest.
        renamed: listed and on disk in another Unicode form: two names with a NUL between them.
    """

    missing: Sorter = field(default_factory=Sorter)
    unfetched: Sorter = field(default_factory=Sorter)
    unlisted: Sorter = field(default_factory=Sorter)
    renamed: Sorter = field(default_factory=Sorter)

    @property
    def none(self) -> bool:
        """True if all that is listed is there, under whatever name, and nothing else."""
        return not (len(self.missing) or len(self.unfetched) or len(self.unlisted))

    def add(self, stretch: _Stretch) -> None:
        """What differs in one stretch of names."""
        here, listed = set(stretch.on_disk), stretch.listed
        absent = listed - here
        self.unfetched.extend(list(absent.intersection(stretch.fetch)))
        self.missing.extend(list(absent.difference(stretch.fetch)))
        self.unlisted.extend(list(here - listed))

    def rename(self, renamed: Sorter) -> None:
        """Take what was paired for missing or too much no longer."""
        listed, on_disk = Sorter(), Sorter()
        for pair in names_of(renamed):
            path, _, other = pair.partition(b"\0")
            listed.add(path)
            on_disk.add(other)
            self.renamed.add(pair)
        self.missing = _without(self.missing, listed)
        self.unfetched = _without(self.unfetched, listed)
        self.unlisted = _without(self.unlisted, on_disk)


def check_oxum(contents: Contents, findings: Findings) -> None:
    """Compare Payload-Oxum, if there is a usable one, with sizes and number of files.

    Where a folder could not be listed, what lies in it is not called missing.
    """
    if not contents.all_listed:
        return
    found = contents.octets, len(contents.payload)
    if contents.oxum is not None and contents.oxum != found:
        said, there = (".".join(map(str, each)) for each in (contents.oxum, found))
        findings.add("BAG-OXUM", "bag-info.txt", f"It says {said}; there is {there}.")


def check_listings(contents: Contents, findings: Findings) -> Differences:
    """Compare manifests and ``fetch.txt`` with each other, and with the names on disk.

    What the manifests disagree about is told; what is missing or too much is returned.
    """
    differences = Differences()
    for stretch in _stretches(contents, findings):
        if not stretch.agrees:
            _tell_disagreement(contents, stretch, findings)
            differences.add(stretch)
    _rename(differences, composed, _is_foreign, findings, "BAG-NAME-NORMALISED")
    if Leniency.PERCENT_ENCODING in findings.lenient:
        _rename(differences, decoded, _has_percent, findings, "BAG-NAME-ENCODED")
    return differences


def tell(contents: Contents, differences: Differences, findings: Findings) -> None:
    """What is missing or too much, and names that would be one elsewhere."""
    for path in names_of(differences.missing):
        if not is_odd(contents, path):
            findings.add("BAG-FILE-MISSING", display(path))
    for path in names_of(differences.unfetched):
        findings.add("BAG-FETCH-ABSENT", display(path))
    # A manifest that was not read to its end may list anything.
    if all(listing.whole for listing in contents.manifests):
        for path in names_of(differences.unlisted):
            findings.add("BAG-FILE-UNLISTED", display(path))
    for path, other in collisions(contents.payload):
        findings.add("BAG-NAMES-COLLIDE", display(path), f"The other: {display(other)}.")


def check_tags(contents: Contents, findings: Findings) -> None:
    """Compare tag files with tag manifests; a bag need not have any."""
    listings = contents.tag_manifests
    if not listings:
        return
    known = {listing.name.name for listing in (*contents.manifests, *listings)}
    # A tag manifest that was not read to its end may list anything.
    whole = all(listing.whole for listing in listings)
    partial = [
        {each.name.name for each in contents.manifests} if listing.whole else set[bytes]()
        for listing in listings
    ]
    streams = [_told(listing, findings) for listing in listings]
    for on_disk, *lists in aligned([distinct(contents.tags.slices()), *streams]):
        here, listed = set(on_disk.paths), set[bytes]()
        for names, piece in zip(partial, lists, strict=True):
            names.difference_update(piece.paths)
            listed.update(piece.paths)
        for path in sorted(listed - here):
            if not is_odd(contents, path):
                findings.add("BAG-FILE-MISSING", display(path))
        for path in sorted(here - listed - known) if whole else ():
            findings.add("BAG-TAG-UNLISTED", display(path))
        _tell_tags_apart(listings, [piece.paths for piece in lists], listed - known, findings)
    for listing, names in zip(listings, partial, strict=True):
        for name in sorted(names):
            shown = display(listing.name.name)
            findings.add("BAG-TAGMANIFEST-PARTIAL", shown, f"Not listed: {display(name)}.")
    _tell_algorithms_apart(contents, findings)


def _tell_tags_apart(
    listings: Sequence[Listing],
    lists: Sequence[Sequence[bytes]],
    listed: Collection[bytes],
    findings: Findings,
) -> None:
    """Tag files that not every tag manifest lists; payload manifests are told by themselves."""
    if findings.legacy:  # the drafts before 1.0 do not ask for it
        return
    for listing, paths in zip(listings, lists, strict=True):
        absent = set(listed).difference(paths) if listing.whole else ()
        for path in sorted(absent):
            shown = f"Not in {display(listing.name.name)}."
            findings.add("BAG-TAGMANIFEST-DIFFER", display(path), shown)


def _tell_algorithms_apart(contents: Contents, findings: Findings) -> None:
    kinds = contents.manifests, contents.tag_manifests
    payload, tags = (
        {each.name.algorithm.value for each in kind if each.name.algorithm is not None}
        for kind in kinds
    )
    if payload != tags and not findings.legacy:
        said = (", ".join(sorted(each)) or "none that is known" for each in (payload, tags))
        detail = "Of the payload: {}; of tag files: {}.".format(*said)
        findings.add("BAG-TAGMANIFEST-ALGORITHMS", "the bag", detail)


def is_odd(contents: Contents, path: bytes) -> bool:
    """True if the path, or a folder on its way, was told already as something odd."""
    if not contents.odd:
        return False
    while path and path not in contents.odd:
        path = path.rpartition(b"/")[0]
    return bool(path)


def names_of(sorter: Sorter) -> Iterator[bytes]:
    """Sorted names, one by one."""
    for piece in sorter.slices():
        yield from piece.paths


def _stretches(contents: Contents, findings: Findings) -> Iterator[_Stretch]:
    fetch: Iterable[Slice] = () if contents.fetch is None else contents.fetch.slices()
    streams = [distinct(contents.payload.slices()), distinct(fetch)]
    streams += [_told(listing, findings) for listing in contents.manifests]
    for on_disk, fetched, *lists in aligned(streams):
        yield _Stretch(on_disk.paths, fetched.paths, [each.paths for each in lists])


def _told(listing: Listing, findings: Findings) -> Iterator[Slice]:
    """A manifest's records; what it lists twice is told."""
    shown = display(listing.name.name)

    def tell_twice(path: bytes, same: bool) -> None:
        code = "BAG-MANIFEST-TWICE" if same else "BAG-MANIFEST-CONTRADICTS"
        findings.add(code, shown, f"Found: {display(path)}.")

    return listing.slices(tell_twice)


def _tell_disagreement(contents: Contents, stretch: _Stretch, findings: Findings) -> None:
    listed = stretch.listed
    for listing, names in zip(contents.manifests, stretch.lists, strict=True):
        silent = findings.legacy or not listing.whole
        absent = set() if silent else listed.difference(names)
        for path in sorted(absent):
            shown = f"Not in {display(listing.name.name)}."
            findings.add("BAG-MANIFEST-DIFFER", display(path), shown)
    whole = all(listing.whole for listing in contents.manifests)
    for path in stretch.fetch if whole else ():
        if path not in listed:
            findings.add("BAG-FETCH-PATH", display(path), "No manifest lists it.")


def _rename(
    differences: Differences, key: Key, may: Callable[[bytes], bool], findings: Findings, code: str
) -> None:
    """Pair listed names with those on disk that are alike, where there is no doubt.

    Args:
        may: whether a name can be like another one at all.
    """
    absent = differences.missing, differences.unfetched
    if not any(map(may, chain.from_iterable(map(names_of, (*absent, differences.unlisted))))):
        return
    renamed = Sorter()
    for pair in pairs(chain(*map(names_of, absent)), names_of(differences.unlisted), key):
        renamed.add(pair)
    for pair in names_of(renamed):
        path, _, found = pair.partition(b"\0")
        findings.add(code, display(path), f"Found: {display(found)}.")
    if len(renamed):
        differences.rename(renamed)


def _is_foreign(path: bytes) -> bool:
    return not path.isascii()


def _has_percent(path: bytes) -> bool:
    return b"%" in path


def _without(names: Sorter, others: Sorter) -> Sorter:
    left = Sorter()
    for some, away in aligned([names.slices(), others.slices()]):
        left.extend(sorted(set(some.paths).difference(away.paths)))
    return left
