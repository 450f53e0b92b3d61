"""A hostile deposit is rejected with all of its findings, and stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from running import Archive


pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def test_the_hostile_deposit_is_rejected_with_all_of_its_findings(
    archive: Archive, told: str
) -> None:
    hostile = archive.home / "inbox" / "silk-road" / "hostile deposit" / "data"
    for code in ("DEP-FIFO", "DEP-LINK-ESCAPES", "DEP-NAME-ENCODING"):
        assert code in told
    assert sorted(path.is_symlink() for path in hostile.iterdir()) == [False, False, False, True]
