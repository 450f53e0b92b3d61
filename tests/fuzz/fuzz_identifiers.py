"""Fuzz: the documents in which a deposit says what it is called: DataCite, RO-Crate."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.ingest.identifiers import DOCUMENTS, from_bag_info, from_documents
    from preservation.model.identifier import SCHEMES

NAMES = sorted(DOCUMENTS)


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    name = NAMES[draw.number(len(NAMES))]
    text = draw.rest.decode("utf-8", "surrogateescape")
    found = from_documents({name: draw.rest}) + from_bag_info([("External-Identifier", text)])
    for identifier in found:
        assert identifier.scheme in SCHEMES
        assert "\n" not in identifier.key


if __name__ == "__main__":
    fuzzing.fuzz(once)
