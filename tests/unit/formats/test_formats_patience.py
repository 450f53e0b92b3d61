"""Files that keep the tools busy cost one deposit a bounded time."""

from __future__ import annotations

import pytest

from preservation.formats.checks.checker import FormatChecker
from preservation.formats.identifier import FormatIdentifier
from preservation.formats.patience import DepositPatience
from preservation.formats.request import Request
from preservation.model.identification import Identification


@pytest.fixture
def spent():
    patience = DepositPatience(1.0)
    patience.took([], 2.0)
    return patience


def test_only_time_beyond_what_files_are_worth_is_lost(tmp_path):
    (tmp_path / "large").touch()
    with (tmp_path / "large").open("r+b") as file:
        file.truncate(1 << 30)
    small, large = (Request(bytes(tmp_path), name).to_json() for name in (b"absent", b"large"))
    patience = DepositPatience(10.0)
    patience.took([small] * 64, 100.0)  # many files take long together
    patience.took([large], 200.0)  # as does a large one
    assert not patience.spent
    patience.took([small], 13.0)
    assert patience.spent


def test_files_that_are_given_up_are_never_fine_and_never_known(tmp_path, spent):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with FormatIdentifier(known=tmp_path / "known.sqlite") as identifier:
        [late] = identifier.identify(tmp_path, [b"a.csv"], ["0" * 64], spent)
        [asked] = identifier.identify(tmp_path, [b"a.csv"], ["0" * 64])
    with FormatChecker(1) as checker:
        [check] = checker.check(tmp_path, [b"a.csv"], [Identification(mime="text/csv")], spent)
    assert (late.puid, late.flags, late.unchecked) == ("", ("timeout",), True)
    assert asked.puid == "x-fmt/18"
    assert check.columns()[:2] == (
        "unchecked",
        "timeout: other files had used up the time of this deposit",
    )
