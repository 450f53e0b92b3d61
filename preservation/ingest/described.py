"""What a deposit says about itself: title, creators, licence and the like, for policies that ask.

Read from the same documents as identifiers: ``bag-info.txt``, DataCite (JSON and XML), RO-Crate.
Only whether something is said counts; what it says is kept as it came.

Sources: RFC 8493 section 2.2.2; DataCite Metadata Schema 4.6, properties 2 to 5, 7, 16, 17;
RO-Crate 1.1, root data entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from preservation.ingest.documents import LARGEST, crate_dataset, datacite_of, elements
from preservation.model.finding import Finding
from preservation.policy.intake import METADATA_ELEMENTS
from preservation.policy.policy import MetadataRules

_BAG_INFO = {
    "title": ("title", "external-title", "name"),
    "creator": ("creator", "author"),
    "publisher": ("publisher", "source-organization"),
    "year": ("date", "publication-year", "external-date"),
    "license": ("license", "rights", "rights-statement"),
    "description": ("external-description", "description", "internal-sender-description"),
    "contact": ("contact-email", "contact-phone"),
}
_JSON = {
    "title": ("titles", "title"),
    "creator": ("creators", "name"),
    "publisher": ("publisher", "name"),
    "year": ("publicationYear", ""),
    "license": ("rightsList", "rights rightsUri rightsURI rightsIdentifier"),
    "description": ("descriptions", "description"),
}
_XML = {
    ("resource", "titles", "title"): "title",
    ("resource", "creators", "creator", "creatorName"): "creator",
    ("resource", "publisher"): "publisher",
    ("resource", "publicationYear"): "year",
    ("resource", "rightsList", "rights"): "license",
    ("resource", "descriptions", "description"): "description",
}
_CONTRIBUTOR = ("resource", "contributors", "contributor")
_CRATE = {
    "title": ("name",),
    "creator": ("author", "creator"),
    "publisher": ("publisher", "sourceOrganization"),
    "year": ("datePublished",),
    "license": ("license",),
    "description": ("description",),
    "contact": ("contactPoint",),
}


def from_bag_info(bag_info: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Which elements ``bag-info.txt`` gives."""
    labels = {label.lower() for label, value in bag_info if value.strip()}
    return frozenset(name for name, known in _BAG_INFO.items() if labels.intersection(known))


def from_documents(documents: Mapping[bytes, bytes]) -> frozenset[str]:
    """Which elements metadata documents give, by the name of each."""
    found: set[str] = set()
    for path, data in documents.items():
        reader = _READERS.get(path.rpartition(b"/")[2])
        if reader is not None and len(data) <= LARGEST:
            found.update(reader(data))
    return frozenset(found)


def undescribed(
    rules: MetadataRules, said: frozenset[str], bag_info: Iterable[tuple[str, str]]
) -> Iterator[Finding]:
    """What the policy requires a deposit to say, and what it does not."""
    for name in rules.required:
        if name not in said:
            labels = ", ".join(_spelled(label) for label in _BAG_INFO[name])
            yield Finding(
                "DEP-METADATA-MISSING",
                name,
                f"this community asks for: {name} ({METADATA_ELEMENTS[name]}), and the deposit "
                "says nothing of it",
                f"say it in datacite.json, datacite.xml or ro-crate-metadata.json, or in "
                f"bag-info.txt as one of: {labels}",
            )
    have = {label.lower() for label, value in bag_info if value.strip()}
    for label in rules.bag_info:
        if label.lower() not in have:
            yield Finding(
                "DEP-METADATA-MISSING",
                label,
                f"this community asks for the element {label} of bag-info.txt, and there is none",
                f"write a line `{label}: …` into bag-info.txt; send the deposit as a bag",
            )


def _spelled(label: str) -> str:
    return "-".join(part.capitalize() for part in label.split("-"))


def _datacite_json(data: bytes) -> Iterator[str]:
    document = datacite_of(data)
    for name, (field, keys) in _JSON.items():
        if any(_says(one, keys.split()) for one in _list(document.get(field))):
            yield name
    people = [one for one in _list(document.get("contributors")) if isinstance(one, dict)]
    if any(one.get("contributorType") == "ContactPerson" for one in people):
        yield "contact"


def _datacite_xml(data: bytes) -> Iterator[str]:
    for one in elements(data, frozenset({*_XML, _CONTRIBUTOR})):
        if one.path == _CONTRIBUTOR:
            if one.attributes.get("contributorType") == "ContactPerson":
                yield "contact"
        elif one.text.strip() or one.attributes.get("rightsURI"):
            yield _XML[one.path]


def _ro_crate(data: bytes) -> Iterator[str]:
    dataset, _ = crate_dataset(data)
    for name, fields in _CRATE.items():
        if any(_says(one, ()) for field in fields for one in _list(dataset.get(field))):
            yield name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _says(one: Any, keys: Iterable[str]) -> bool:
    """Whether a value is a text that is not empty, a number, or an object that has one such."""
    if isinstance(one, dict):
        wanted = tuple(keys) or tuple(one)
        return any(_says(one.get(key), ()) for key in wanted if not isinstance(one.get(key), dict))
    if isinstance(one, str):
        return bool(one.strip())
    return isinstance(one, int) and not isinstance(one, bool)


_READERS = {
    b"datacite.json": _datacite_json,
    b"datacite.xml": _datacite_xml,
    b"ro-crate-metadata.json": _ro_crate,
}
