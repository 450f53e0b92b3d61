"""Whose account a command acts under."""

from __future__ import annotations

import os

import pytest

from preservation.cli.shell import account


def test_no_variable_of_the_environment_names_another_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = account()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")

    assert account() == before


def test_a_user_whom_the_system_does_not_know_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)

    assert account() == "unknown"
