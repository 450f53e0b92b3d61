"""Reads a BagIt Profile: octets in, a value and findings out; whatever it holds, nothing raises.

What is wrong with the document is told, and the rest of it is used all the same: a profile with
one mistake still says most of what it says.

Source: BagIt Profiles Specification 1.4.0; RFC 8259.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from preservation.bags.findings import Findings
from preservation.bags.profile.patterns import LONGEST, MOST, is_wild, matcher
from preservation.bags.profile.value import ElementRule, Profile, Serialization
from preservation.model.digest import Algorithm
from preservation.model.names import display

LARGEST = 4 * 1024 * 1024  # octets
ALIASES = "Accept-BagIt-Profile-Identifier"

_ABOUT_ITSELF = ("Source-Organization", "External-Description", "Version")
_LISTS = {
    "Manifests-Required": "manifests_required",
    "Manifests-Allowed": "manifests_allowed",
    "Tag-Manifests-Required": "tag_manifests_required",
    "Tag-Manifests-Allowed": "tag_manifests_allowed",
    "Tag-Files-Required": "tag_files_required",
    "Tag-Files-Allowed": "tag_files_allowed",
    "Payload-Files-Required": "payload_required",
    "Payload-Files-Allowed": "payload_allowed",
    "Accept-Serialization": "accept_serialization",
    "Accept-BagIt-Version": "accept_versions",
    ALIASES: "also_known_as",
}
_PATTERNS = {"Tag-Files-Allowed", "Payload-Files-Allowed"}
_SWITCHES = {
    "Allow-Fetch.txt": "allow_fetch",
    "Fetch.txt-Required": "fetch_required",
    "Data-Empty": "data_empty",
}
_KNOWN = {*_LISTS, *_SWITCHES, "BagIt-Profile-Info", "Bag-Info", "Serialization"}
_OF_ELEMENT = {"required", "recommended", "repeatable", "values", "description", "help"}
# The grammar of the specification puts true and false into quotes, its examples do not.
_SWITCH = {True: True, False: False, "true": True, "false": False}


def parse_profile(data: bytes, findings: Findings) -> Profile | None:
    """Read a profile; None if it is no JSON object at all.

    Args:
        data: the document; more than ``LARGEST`` octets are not looked at.
        findings: hears of every mistake.
    """
    parser = _Parser(findings)
    document = parser.document(data)
    return None if document is None else parser.profile(document)


def folded(algorithm: str) -> str:
    """An algorithm's name for comparison: ``SHA-256`` is ``sha256``."""
    known = Algorithm.named(algorithm)
    return algorithm.lower() if known is None else known.value


def _shown(found: object) -> str:
    return display(str(found)[:200].encode("utf-8", "backslashreplace"))


class _Parser:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def _wrong(self, detail: str) -> None:
        self._findings.add("BAG-PROFILE-DOCUMENT", "profile", detail)

    def _unknown(self, where: str, names: Iterable[str]) -> None:
        for name in sorted(names):
            self._findings.add("BAG-PROFILE-UNKNOWN", "profile", f"Found: {where}{_shown(name)}.")

    def document(self, data: bytes) -> dict[str, Any] | None:
        """The JSON object; None if there is none."""
        if len(data) > LARGEST:
            self._wrong(f"It has more than {LARGEST} octets.")
            return None
        twice: list[str] = []

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            counts = Counter(name for name, _ in pairs)
            twice.extend(name for name, count in counts.items() if count > 1)
            return dict(pairs)

        try:
            document = json.loads(data.decode("utf-8"), object_pairs_hook=once)
        except (ValueError, RecursionError) as error:
            self._wrong(f"It is not JSON in UTF-8: {_shown(error)}.")
            return None
        for name in twice:
            self._wrong(f"{_shown(name)} is there twice; the last one was used.")
        if not isinstance(document, dict):
            self._wrong("It is not a JSON object.")
            return None
        return document

    def profile(self, document: dict[str, Any]) -> Profile:
        """The value, as far as the document gives it."""
        self._unknown("", document.keys() - _KNOWN)
        given: dict[str, Any] = {
            _LISTS[name]: (self._patterns if name in _PATTERNS else self._texts)(name, value)
            for name, value in document.items()
            if name in _LISTS
        }
        for name in _SWITCHES.keys() & document.keys():
            given[_SWITCHES[name]] = self._switch(name, document[name])
        if "Serialization" in document:
            given["serialization"] = self._serialization(document["Serialization"])
        profile = Profile(
            identifier=self._identifier(document.get("BagIt-Profile-Info")),
            elements=self._elements(document.get("Bag-Info", {})),
            **_said(given),
        )
        self._check(profile, serialized="Serialization" in document)
        return profile

    def _identifier(self, info: object) -> str:
        if not isinstance(info, dict):
            self._wrong("BagIt-Profile-Info is missing, or is not an object.")
            return ""
        for name in _ABOUT_ITSELF:
            if not isinstance(info.get(name), str):
                self._wrong(f"BagIt-Profile-Info has no text {name}.")
        version = info.get("BagIt-Profile-Version", "1.1.0")
        if not isinstance(version, str) or not version.startswith("1."):
            self._wrong(f"Its BagIt-Profile-Version is not known: {_shown(version)}.")
        identifier = info.get("BagIt-Profile-Identifier")
        if not isinstance(identifier, str) or not identifier.strip():
            self._wrong("BagIt-Profile-Info has no BagIt-Profile-Identifier.")
            return ""
        return identifier

    def _elements(self, rules: object) -> tuple[ElementRule, ...]:
        if not isinstance(rules, dict):
            self._wrong("Bag-Info is not an object.")
            return ()
        return tuple(self._element(label, said) for label, said in rules.items())

    def _element(self, label: str, said: object) -> ElementRule:
        where = f"Bag-Info, {_shown(label)}"
        if not isinstance(said, dict):
            self._wrong(f"{where}: it is not an object.")
            return ElementRule(label)
        self._unknown(f"{where}: ", said.keys() - _OF_ELEMENT)
        given: dict[str, Any] = {
            name: self._switch(f"{where}: {name}", said[name])
            for name in ("required", "recommended", "repeatable")
            if name in said
        }
        if "values" in said:
            given["values"] = self._texts(f"{where}: values", said["values"])
        if isinstance(said.get("description", ""), str):
            given["description"] = said.get("description", "")
        else:
            self._wrong(f"{where}: description is not a text.")
        return ElementRule(label, **_said(given))

    def _serialization(self, word: object) -> Serialization | None:
        try:
            return Serialization(word)
        except ValueError:
            self._wrong(f"Serialization is not required, forbidden or optional: {_shown(word)}.")
            return None

    def _texts(self, where: str, value: object) -> tuple[str, ...] | None:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        self._wrong(f"{where} is not a list of texts.")
        return None

    def _patterns(self, where: str, value: object) -> tuple[str, ...] | None:
        patterns = self._texts(where, value)
        wild = [pattern for pattern in patterns or () if is_wild(pattern)]
        if len(wild) > MOST or any(len(pattern) > LONGEST for pattern in wild):
            self._wrong(f"{where} has more or longer patterns than any real one.")
            return None
        return patterns

    def _switch(self, where: str, value: object) -> bool | None:
        if isinstance(value, bool | str) and value in _SWITCH:
            return _SWITCH[value]
        self._wrong(f"{where} is not true or false.")
        return None

    def _check(self, profile: Profile, *, serialized: bool) -> None:
        """What the document's parts say of each other."""
        if not profile.accept_versions:
            self._wrong("Accept-BagIt-Version names no version.")
        open_to_it = serialized and profile.serialization is not Serialization.FORBIDDEN
        if open_to_it and not profile.accept_serialization:
            self._wrong("Serialization is allowed, and Accept-Serialization names no type.")
        if profile.fetch_required and not profile.allow_fetch:
            self._wrong("Fetch.txt-Required and Allow-Fetch.txt contradict each other.")
        for kind, required, allowed in (
            ("Manifests", profile.manifests_required, profile.manifests_allowed),
            ("Tag-Manifests", profile.tag_manifests_required, profile.tag_manifests_allowed),
        ):
            if allowed is not None:
                names = {folded(name) for name in allowed}
                self._lacking(kind, [name for name in required if folded(name) not in names])
        for kind, required, allowed in (
            ("Tag-Files", profile.tag_files_required, profile.tag_files_allowed),
            ("Payload-Files", profile.payload_required, profile.payload_allowed),
        ):
            if allowed is not None:
                fits = matcher(allowed)
                self._lacking(kind, [path for path in required if not fits(_octets(path))])

    def _lacking(self, kind: str, names: Iterable[str]) -> None:
        for name in names:
            self._wrong(f"{kind}-Required has what {kind}-Allowed has not: {_shown(name)}.")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _said(given: dict[str, Any]) -> dict[str, Any]:
    """Without what could not be used: there the default holds."""
    return {name: value for name, value in given.items() if value is not None}
