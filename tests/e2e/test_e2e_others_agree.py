"""Other people's tools agree, and the report opens from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_other_peoples_tools_agree(told: str) -> None:
    for tool in ("tar -xf", "sha256sum --quiet -c manifest-sha256.txt", "bagit.py --quiet"):
        assert f"    {tool}" in told
    assert "✗" not in told


def test_the_report_is_one_page_that_opens_from_a_file(told: str) -> None:
    pages = [line.split(": ", 1)[1] for line in told.splitlines() if line.startswith("report ")]
    assert len(pages) == 2
    for page in map(Path, pages):
        assert page.read_text("utf-8").lower().startswith("<!doctype html>")
        assert json.loads(page.with_name("report.json").read_text("utf-8"))
