"""Cheap tests of what an extension claims."""

from __future__ import annotations

import pytest

from preservation.formats.content import (
    is_json,
    is_json_lines,
    is_plain_text,
    is_table,
)
from preservation.formats.content import (
    test_of as content_test_of,
)
from preservation.formats.evidence import Content

YES, NO, SILENT = Content.CONFIRMED, Content.REFUTED, Content.SILENT


@pytest.mark.parametrize(
    ("check", "head", "whole", "says"),
    [
        (is_json, b'{"a": [1, 2]}', True, YES),
        (is_json, b'\xef\xbb\xbf{"a": 1}', True, YES),
        (is_json, b'{"a": 1', True, NO),
        (is_json, b"[" * 100_000, True, NO),
        (is_json, b"prose", True, NO),
        (is_json, b'{"a": [1, 2', False, SILENT),
        (is_json, b"\0\1\2", False, NO),
        (is_json_lines, b'{"a":1}\n{"a":2}\n{"a', False, YES),
        (is_json_lines, b'{"a":1}\nprose\n', True, NO),
        (is_table, b"a,b\n1,2\n3,4\n", True, YES),
        (is_table, b"a;b\n1,5;2\n3;4\n", True, YES),
        (is_table, "имя\tвысота\nСамарканд\t702\n".encode("utf-16"), True, YES),
        (is_table, b"a,b\n1,2\n3", False, YES),
        (is_table, b"just prose, with a comma\nand none here\n", True, SILENT),
        (is_table, b"a,b\n\0\0\0", True, NO),
        (is_table, b'a,"' + b"x" * 140_000, True, SILENT),
        (is_plain_text, "Ўзбекистон oʻzbek 撒马尔罕".encode(), True, YES),
        (is_plain_text, "撒马尔罕".encode("gb18030"), True, YES),
        (is_plain_text, "撒".encode()[:2], False, YES),
        (is_plain_text, b"\x7fELF\2\1\1\0", True, NO),
        (is_plain_text, b"\xff\xfea", True, NO),
    ],
)
def test_the_table_of_contents(check, head, whole, says):
    assert check(head, whole) is says


@pytest.mark.parametrize(
    ("puid", "mime", "group", "check"),
    [
        ("fmt/817", "application/json", "", is_json),
        ("fmt/1367", "application/geo+json", "GIS", is_json),
        ("x-fmt/18", "text/csv", "Dataset", is_table),
        ("fmt/938", "", "Text (Structured)", is_plain_text),
        ("fmt/1149", "text/markdown", "", is_plain_text),
    ],
)
def test_each_claim_has_its_test(puid, mime, group, check):
    found = content_test_of(puid, mime, group)
    assert found is not None
    assert found[0] is check


def test_a_claim_that_is_not_about_text_has_none():
    assert content_test_of("x-fmt/59", "", "") is None
