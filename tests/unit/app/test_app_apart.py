"""Tiers and inboxes lie apart where they really are, however they are written."""

from __future__ import annotations

import os
from threading import Event
from typing import Any

import pytest
from homes import Archive

from preservation.app import advising, answering, apart
from preservation.app.advising import advise
from preservation.app.home import Home, find_home
from preservation.app.planning import make_plan
from preservation.app.policies import apply_policies, read_policies
from preservation.errors import NotNowError, PolicyError
from preservation.policy.ground import HOME_NAMES


def _refused(archive: Archive) -> str:
    checked, home = read_policies(archive.policies).require(), find_home(archive.home)
    (told,) = (one for one in advise(archive.home, checked) if "would refuse" in one)
    with pytest.raises(PolicyError) as caught:
        apply_policies(home, checked, "ann", "a change", archive.clock)
    assert caught.value.code == "POL-PLACES"
    assert told.partition(": ")[2] in caught.value.message
    return caught.value.message


def test_an_inbox_in_a_tier_is_refused_by_its_absolute_path_and_through_a_link(
    archive: Archive,
) -> None:
    (archive.home / "way").symlink_to(archive.home / "tiers/vault")
    for written in (str(archive.home / "tiers/vault"), "way", "way/below"):
        archive.write_policies({"intake": {"inbox": written}})

        told = _refused(archive)

        assert "the inbox of notes" in told
        assert "the tier vault" in told


def test_an_inbox_that_is_a_tier_mounted_a_second_time_is_refused(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bind mount has the number of the folder that it shows."""
    vault, there = str(archive.home / "tiers/vault"), apart.identity
    second = archive.home / "second"
    monkeypatch.setattr(
        apart, "identity", lambda path: there(vault if path == str(second) else path)
    )
    for written in ("second", "second/below"):
        archive.write_policies({"intake": {"inbox": written}})

        told = _refused(archive)

        assert "the inbox of notes" in told
        assert "the tier vault" in told


def test_a_folder_that_never_answers_does_not_keep_a_check_waiting(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.write_policies({})
    ever = Event()
    monkeypatch.setattr("preservation.app.advising.entangled", lambda *_: [str(ever.wait(60))])
    for module in (advising, answering):
        monkeypatch.setattr(module, "PATIENCE", 0.1)

    (told,) = advise(archive.home, read_policies(archive.policies).require())
    ever.set()

    assert "no answer in 0 s" in told


def test_a_folder_that_never_answers_ends_a_plan_and_an_apply(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.write_policies({"intake": {"inbox": "gone"}})
    checked, ever, stat = read_policies(archive.policies).require(), Event(), os.stat
    silent: list[str] = []

    def waiting(path: Any, **more: Any) -> os.stat_result:
        if str(path) in silent:
            ever.wait(60)
        return stat(path, **more)

    monkeypatch.setattr(answering, "PATIENCE", 0.1)
    monkeypatch.setattr(os, "stat", waiting)
    with archive.opened() as (parts, _):
        for place in (archive.home / "gone", archive.tier("mirror")):
            silent[:] = [str(place)]
            with pytest.raises(NotNowError, match="no answer") as told:
                make_plan(parts, checked)
            assert told.value.code == "POL-PLACE-SILENT"
            assert silent[0] in told.value.message
            with pytest.raises(NotNowError, match="no answer"):
                apply_policies(parts.home, checked, "ann", "a change", archive.clock)
    ever.set()


def test_an_inbox_around_or_in_what_the_home_keeps_is_refused(archive: Archive) -> None:
    for written in (str(archive.home / "journal"), str(archive.home / "inventory/x")):
        archive.write_policies({"intake": {"inbox": written}})

        assert "the home's own" in _refused(archive)

    archive.write_policies({"intake": {"inbox": str(archive.home)}})
    with pytest.raises(PolicyError, match="the home's own journal"):
        apply_policies(
            find_home(archive.home),
            read_policies(archive.policies).require(),
            "ann",
            "a change",
            archive.clock,
        )


def test_every_place_of_a_home_is_its_own(archive: Archive) -> None:
    home = find_home(archive.home)
    named = ("policies", "journal", "receipts", "reports", "known_formats", "events", "told",
             "scratch")  # fmt: skip
    places = {getattr(Home, name).fget(home).relative_to(home.path).parts[0] for name in named}

    assert places <= HOME_NAMES
