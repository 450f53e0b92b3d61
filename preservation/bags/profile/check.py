"""Holds a bag against a BagIt Profile: every violation, in one pass over the payload's names.

Takes plain values, however the bag was read: from a folder, or streamed from an archive.

Source: BagIt Profiles Specification 1.4.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from preservation.bags.findings import Findings
from preservation.bags.manifest import ManifestName
from preservation.bags.profile.identifier import normal
from preservation.bags.profile.media import media_types
from preservation.bags.profile.parse import folded, parse_profile
from preservation.bags.profile.patterns import matcher
from preservation.bags.profile.value import ElementRule, Profile, Serialization
from preservation.bags.tagfiles import Element
from preservation.model.deferred import dataclass
from preservation.model.names import display

_IDENTIFIER = "bagit-profile-identifier"
_OF_BAGIT = {b"bagit.txt", b"bag-info.txt", b"fetch.txt"}


@dataclass(frozen=True, slots=True)
class BagFacts:
    """What reading a bag gave.

    Attributes:
        version: as declared.
        tag_files: paths of all files outside ``data/``, manifests and ``bagit.txt`` included.
        payload: paths, ``data/`` included; gone through once.
        files, octets: of the payload.
        container: kind of archive that it came in, as in ``tar.gz``; empty for a folder; None
            while that is still open, because the bag is only being made.
    """

    version: str
    bag_info: Sequence[Element]
    tag_files: Iterable[bytes]
    payload: Iterable[bytes]
    files: int
    octets: int
    container: str | None


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A profile's document, and further URIs that count as its identifier."""

    document: bytes
    aliases: tuple[str, ...] = ()

    def hold_against(self, bag: BagFacts, findings: Findings) -> None:
        """Tell what is wrong with the document, and every way in which the bag does not meet it."""
        profile = parse_profile(self.document, findings)
        if profile is not None:
            check_profile(profile, bag, findings, self.aliases)


def check_profile(
    profile: Profile, bag: BagFacts, findings: Findings, aliases: Iterable[str] = ()
) -> None:
    """Tell every way in which a bag is not what the profile asks for.

    Args:
        aliases: further URIs that count as the profile's identifier.
    """
    _Check(profile, findings).run(bag, (profile.identifier, *profile.also_known_as, *aliases))


class _Check:
    def __init__(self, profile: Profile, findings: Findings) -> None:
        self._profile, self._findings = profile, findings

    def run(self, bag: BagFacts, identifiers: Sequence[str]) -> None:
        profile = self._profile
        tags = frozenset(bag.tag_files)
        if profile.accept_versions and bag.version not in profile.accept_versions:
            self._tell("VERSION", "bagit.txt", f"Found: {bag.version or 'none'}.")
        if bag.container is not None:
            self._serialization(bag.container)
        self._identifier(bag.bag_info, identifiers)
        for rule in profile.elements:
            self._element(rule, bag.bag_info)
        self._manifests(tags)
        self._fetch(tags)
        self._tag_files(tags)
        self._payload(bag.payload)
        if profile.data_empty and (bag.files > 1 or bag.octets):
            self._tell("DATA-EMPTY", "data/", f"It has {bag.files} files.")

    def _tell(self, code: str, subject: str, detail: str = "") -> None:
        self._findings.add(f"BAG-PROFILE-{code}", subject, detail)

    def _serialization(self, container: str) -> None:
        wanted, accepted = self._profile.serialization, self._profile.accept_serialization
        if wanted is Serialization.REQUIRED and not container:
            self._tell("SERIALIZATION", "the bag", "It is a folder, and has to be one file.")
        elif wanted is Serialization.FORBIDDEN and container:
            self._tell("SERIALIZATION", "the bag", "It is one file, and has to be a folder.")
        elif container and accepted:
            types = media_types(container)
            if not types & {one.strip().lower() for one in accepted}:
                self._tell("SERIALIZATION", "the bag", f"Found: {container}.")

    def _identifier(self, elements: Sequence[Element], identifiers: Sequence[str]) -> None:
        named = [value.strip() for label, value in elements if label.lower() == _IDENTIFIER]
        if not any(identifiers):
            return  # the document was told to have none
        if not named:
            self._tell("IDENTIFIER", "bag-info.txt", "BagIt-Profile-Identifier is missing.")
        elif not {normal(name) for name in named} & {normal(one) for one in identifiers}:
            found = ", ".join(named)[:500]
            self._tell("IDENTIFIER", "bag-info.txt", f"Found: {_shown(found)}.")
        elif not set(named) & set(identifiers):
            self._tell("IDENTIFIER-SPELLING", "bag-info.txt", f"Found: {_shown(named[0])}.")

    def _element(self, rule: ElementRule, elements: Sequence[Element]) -> None:
        label, shown = rule.label.lower(), _shown(rule.label)
        values = [value for name, value in elements if name.lower() == label]
        if not values:
            if rule.required:
                self._tell("ELEMENT-MISSING", "bag-info.txt", f"Missing: {shown}.")
            elif rule.recommended:
                self._tell("ELEMENT-RECOMMENDED", "bag-info.txt", f"Missing: {shown}.")
        if len(values) > 1 and not rule.repeatable:
            self._tell("ELEMENT-REPEATED", "bag-info.txt", f"Found: {shown}.")
        for value in values if rule.values else ():
            if value.strip() not in rule.values:
                found = f"Found: {shown}: {_shown(value[:200])}."
                self._tell("ELEMENT-VALUE", "bag-info.txt", found)

    def _manifests(self, tags: frozenset[bytes]) -> None:
        profile = self._profile
        names = [name for name in map(ManifestName.parse, tags) if name is not None]
        for is_tag, code, required, allowed in (
            (False, "MANIFEST", profile.manifests_required, profile.manifests_allowed),
            (True, "TAGMANIFEST", profile.tag_manifests_required, profile.tag_manifests_allowed),
        ):
            there = {_algorithm(name) for name in names if name.is_tag is is_tag}
            for algorithm in required:
                if folded(algorithm) not in there:
                    self._tell(f"{code}-MISSING", _manifest(algorithm, is_tag=is_tag))
            surplus = there - {folded(one) for one in allowed} if allowed is not None else set()
            for algorithm in sorted(surplus):
                self._tell(f"{code}-NOT-ALLOWED", _manifest(algorithm, is_tag=is_tag))

    def _fetch(self, tags: frozenset[bytes]) -> None:
        if b"fetch.txt" in tags and not self._profile.allow_fetch:
            self._tell("FETCH", "fetch.txt", "It is there, and is not allowed.")
        if b"fetch.txt" not in tags and self._profile.fetch_required:
            self._tell("FETCH", "fetch.txt", "It is required, and is not there.")

    def _tag_files(self, tags: frozenset[bytes]) -> None:
        for path in self._profile.tag_files_required:
            if _octets(path) not in tags:
                self._tell("TAG-FILE-MISSING", _shown(path))
        if self._profile.tag_files_allowed is None:
            return
        allowed = matcher(self._profile.tag_files_allowed)
        for tag in sorted(tags - _OF_BAGIT):
            if ManifestName.parse(tag) is None and not allowed(tag):
                self._tell("TAG-FILE-NOT-ALLOWED", display(tag))

    def _payload(self, payload: Iterable[bytes]) -> None:
        profile = self._profile
        files = {_octets(path) for path in profile.payload_required if not path.endswith("/")}
        folders = {_octets(path) for path in profile.payload_required if path.endswith("/")}
        allowed = None if profile.payload_allowed is None else matcher(profile.payload_allowed)
        for path in payload if files or folders or allowed else ():
            files.discard(path)
            if folders:
                folders -= {folder for folder in folders if path.startswith(folder)}
            if allowed is not None and not allowed(path):
                self._tell("PAYLOAD-NOT-ALLOWED", display(path))
        for path in sorted(files | folders):
            self._tell("PAYLOAD-MISSING", display(path))


def _algorithm(name: ManifestName) -> str:
    if name.algorithm is not None:
        return name.algorithm.value
    spelled = name.name.partition(b"-")[2].rpartition(b".")[0]
    return folded(spelled.decode("utf-8", "replace"))


def _manifest(algorithm: str, *, is_tag: bool) -> str:
    return f"{'tag' if is_tag else ''}manifest-{_shown(algorithm)}.txt"


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _shown(text: str) -> str:
    return display(text.encode("utf-8", "surrogatepass"))
