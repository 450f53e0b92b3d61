"""A warning is a sentence for an operator, not a place in our code."""

from __future__ import annotations

import warnings
from unittest.mock import Mock

import pytest

from preservation.cli import main


def test_a_warning_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn(_: list[str]) -> int:
        warnings.warn("look at this machine's memory", RuntimeWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back afterwards
    monkeypatch.setattr(main, "gc", Mock())  # what the process of a command does, this one does not
    monkeypatch.setattr(main, "call", warn)
    with pytest.raises(SystemExit):
        main.run([])
    assert capsys.readouterr().err == "warning: look at this machine's memory\n"
