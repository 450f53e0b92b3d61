"""Evidence in, one answer out."""

from __future__ import annotations

import pytest

from preservation.formats.evidence import Content, Evidence, Status
from preservation.formats.reconcile import reconcile
from preservation.model.identification import Basis

READ = Status.READ
CSV = {
    "extension": "csv",
    "puid": "x-fmt/18",
    "name": "Comma Separated Values",
    "mime": "text/csv",
    "basis": "extension match csv",
    "warning": "match on extension only",
}
PNG = {
    "extension": "png",
    "puid": "fmt/11",
    "name": "Portable Network Graphics",
    "mime": "image/png",
    "basis": "extension match png; byte match at [[0 16] [1666 12]]",
}
TEXT = {"puid": "x-fmt/111", "mime": "text/plain", "basis": "text match ASCII"}
ALONE = "match on text only; extension mismatch"
UNKNOWN_PDF = {"extension": "pdf", "warning": "no match; …", "candidates": ("fmt/14", "fmt/18")}

TABLE = [
    # what was said, and what we make of it: PUID, MIME, basis, flags
    ("both agree", PNG | {"magic": "image/png"}, "fmt/11", "image/png", "signature", ()),
    (
        "no second opinion",
        PNG | {"magic": None},
        "fmt/11",
        "image/png",
        "signature",
        ("second_opinion_absent",),
    ),
    (
        "both are sure of different things",
        PNG | {"magic": "application/pdf"},
        "fmt/11",
        "image/png",
        "signature",
        ("conflict",),
    ),
    (
        "a name that claims another format",
        PNG
        | {
            "extension": "txt",
            "claims": True,
            "warning": "extension mismatch",
            "magic": "image/png",
        },
        "fmt/11",
        "image/png",
        "signature",
        ("extension_mismatch",),
    ),
    (
        "a name that claims nothing",
        PNG | {"extension": "bin", "warning": "extension mismatch", "magic": "image/png"},
        "fmt/11",
        "image/png",
        "signature",
        (),
    ),
    (
        "a guess that the content bears out",
        CSV | {"magic": "text/plain", "content": Content.CONFIRMED},
        "x-fmt/18",
        "text/csv",
        "extension",
        (),
    ),
    (
        "a guess that libmagic shares",
        CSV | {"magic": "text/csv"},
        "x-fmt/18",
        "text/csv",
        "extension",
        (),
    ),
    (
        "a guess that the content refutes, though libmagic shares it",
        CSV | {"magic": "text/csv", "content": Content.REFUTED},
        "x-fmt/18",
        "text/csv",
        "extension",
        ("tentative",),
    ),
    (
        "a guess that nothing bears out",
        CSV | {"magic": "application/octet-stream"},
        "x-fmt/18",
        "text/csv",
        "extension",
        ("tentative",),
    ),
    (
        "a guess against a specific contradiction",
        CSV | {"magic": "image/x-ms-bmp"},
        "x-fmt/18",
        "image/bmp",
        "extension",
        ("conflict", "tentative"),
    ),
    (
        "text under a name without extension",
        TEXT | {"warning": ALONE, "magic": "text/plain"},
        "x-fmt/111",
        "text/plain",
        "text",
        (),
    ),
    (
        "text under a name that says more",
        TEXT | {"warning": ALONE, "extension": "gff", "claims": True, "magic": "text/plain"},
        "x-fmt/111",
        "text/plain",
        "text",
        ("tentative",),
    ),
    (
        "a beginning without its end",
        UNKNOWN_PDF | {"magic": "application/pdf"},
        "",
        "application/pdf",
        "none",
        ("suspect_damage", "unidentified"),
    ),
    (
        "a container that its reader can't open",
        {
            "puid": "x-fmt/263",
            "mime": "application/zip",
            "basis": "byte match at 0, 4",
            "error": "zip: not a valid zip file",
            "magic": "application/zip",
        },
        "x-fmt/263",
        "application/zip",
        "signature",
        ("suspect_damage",),
    ),
    (
        "nobody knows",
        {"magic": "application/octet-stream"},
        "",
        "application/octet-stream",
        "none",
        ("unidentified",),
    ),
    (
        "neither tool has the MIME type that is registered",
        {"puid": "fmt/2023", "basis": "byte match at 0, 4", "magic": "application/octet-stream"},
        "fmt/2023",
        "application/vnd.apache.parquet",
        "signature",
        (),
    ),
    (
        "PRONOM knows the format but no MIME type for it",
        {"puid": "fmt/690", "basis": "byte match at 0, 7", "magic": "application/x-sharedlib"},
        "fmt/690",
        "application/x-sharedlib",
        "signature",
        (),
    ),
]


@pytest.mark.parametrize(
    ("said", "puid", "mime", "basis", "flags"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_table_of_what_we_make_of_it(said, puid, mime, basis, flags):
    answer = reconcile(Evidence(READ, **said))
    assert (answer.puid, answer.mime, answer.basis, answer.flags) == (
        puid,
        mime,
        Basis(basis),
        flags,
    )


@pytest.mark.parametrize("status", [s for s in Status if s is not READ])
def test_a_file_that_could_not_be_asked_has_no_format(status):
    answer = reconcile(Evidence(status, magic="application/x-empty"))
    assert answer.puid == ""
    assert answer.mime == ""
    assert answer.flags == (status.value,)


def test_the_second_opinion_is_kept_as_it_was_said():
    answer = reconcile(Evidence(READ, **PNG, magic="image/x-ms-bmp"))
    assert answer.mime_magic == "image/x-ms-bmp"


def test_evidence_survives_the_pipe():
    evidence = Evidence(READ, **CSV, candidates=("fmt/1",), content=Content.REFUTED)
    assert Evidence.from_json(evidence.to_json()) == evidence
