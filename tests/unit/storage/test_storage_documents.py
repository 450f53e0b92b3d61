"""A tier carries the documentation of its own format."""

from __future__ import annotations

from pathlib import Path

import pytest

from preservation.storage.local import create_tier

DOCS = Path(__file__).parents[3] / "docs" / "formats"


@pytest.mark.parametrize(
    ("kept", "doc"),
    [
        ("FORMAT.md", "tier.md"),
        ("FORMAT-samarkand-tar-1.md", "samarkand-tar-1.md"),
        ("FORMAT-samarkand-tar-index-1.md", "tar-index.md"),
    ],
)
def test_a_tier_carries_the_documentation_word_for_word(
    tmp_path: Path, kept: str, doc: str
) -> None:
    create_tier(tmp_path / "tier", "vault")
    assert (tmp_path / "tier" / kept).read_bytes() == (DOCS / doc).read_bytes()
