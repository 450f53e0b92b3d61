"""How two MIME types relate."""

from __future__ import annotations

import pytest

from preservation.formats.mime import Relation, relate

OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("registry", "magic", "relation"),
    [
        ("image/png", "image/png", Relation.SAME),
        ("application/xml, text/xml", "text/xml", Relation.SAME),
        ("application/fits", "image/fits", Relation.SAME),
        ("application/gzip", "application/x-gzip", Relation.SAME),
        ("TEXT/HTML; charset=utf-8", "text/html", Relation.SAME),
        ("text/csv", "text/plain", Relation.COARSER),
        ("image/svg+xml", "text/xml", Relation.COARSER),
        ("image/svg+xml", "text/plain", Relation.COARSER),
        (OFFICE, "application/zip", Relation.COARSER),
        ("application/geo+json", "application/json", Relation.COARSER),
        ("application/netcdf", "application/x-hdf5", Relation.COARSER),
        ("application/zip", OFFICE, Relation.FINER),
        ("application/xml, text/xml", "image/svg+xml", Relation.FINER),
        ("image/png", "application/pdf", Relation.CONFLICT),
        ("text/markdown", "text/html", Relation.SILENT),
        ("", "image/png", Relation.SILENT),
        ("image/png", "", Relation.SILENT),
        ("image/png", "application/octet-stream", Relation.SILENT),
    ],
)
def test_the_table_of_relations(registry, magic, relation):
    assert relate(registry, magic) is relation
