"""Who gets a version out: by version, AIP, policy; an embargo that ends by itself; export obeys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from catalogues import START, sha256
from homes import Archive

from preservation.access.rules import access_of
from preservation.app.granting import access_of as access_service
from preservation.app.upkeep import check_catalogue
from preservation.catalogue.custody import AccessRow, AccessState
from preservation.catalogue.protocol import VersionRow
from preservation.errors import UsageError
from preservation.model.event import EventType
from preservation.model.replica import VersionKey
from preservation.policy.retention import AccessRule

KEY = VersionKey("notes", str(UUID(int=1)), 2)
VERSION = VersionRow(KEY, "a", sha256("s"), None, sha256("c"), "", 1, 1, START, "", ())
OPEN = AccessRule(is_open=True, embargo=timedelta(0), embargo_until=None)
DAY = timedelta(days=1)


def said(state: AccessState, version: int = 0, until: datetime | None = None) -> AccessRow:
    return AccessRow("notes", KEY.aip, version, state, until, "why", "ana", START)


def test_what_was_said_of_the_version_goes_before_the_aip_and_that_before_the_policy() -> None:
    aip, own = said(AccessState.WITHDRAWN), said(AccessState.OPEN, 2)
    other = said(AccessState.RESTRICTED, 1)

    assert access_of(VERSION, [], OPEN, START).state is AccessState.OPEN
    assert access_of(VERSION, [other], OPEN, START).state is AccessState.OPEN
    assert access_of(VERSION, [other, aip], OPEN, START).state is AccessState.WITHDRAWN
    assert access_of(VERSION, [aip, own], OPEN, START).state is AccessState.OPEN
    assert access_of(VERSION, [], replace(OPEN, is_open=False), START).by == "policy"


def test_an_embargo_ends_by_itself_into_what_the_policy_says() -> None:
    until = START + DAY
    mine = [said(AccessState.EMBARGOED, until=until)]
    rule = replace(OPEN, embargo=2 * DAY)

    assert access_of(VERSION, mine, OPEN, until - DAY / 2).until == until
    assert access_of(VERSION, mine, OPEN, until).is_open
    closed = replace(OPEN, is_open=False)
    assert access_of(VERSION, mine, closed, until).state is AccessState.RESTRICTED
    assert access_of(VERSION, [], rule, START + DAY).state is AccessState.EMBARGOED
    assert access_of(VERSION, [], rule, START + 2 * DAY).is_open
    # What was set for this AIP takes the place of the community's embargo, a longer one too.
    assert access_of(VERSION, mine, rule, until).is_open


def test_without_any_policy_nothing_is_given_out() -> None:
    assert access_of(VERSION, [], None, START).state is AccessState.RESTRICTED


def test_what_is_not_open_is_refused_by_name_and_an_override_is_on_record(
    archive: Archive,
) -> None:
    result = archive.ingest(archive.put("first", {"a.txt": b"one"}))
    key = VersionKey("notes", result.aip, 1)
    with archive.opened() as (parts, _):
        access, version = access_service(parts), parts.catalogue.version(key)
        assert version is not None
        access.give_out(version, "bo", "")
        access.set(
            "notes", key.aip, 0, AccessState.WITHDRAWN, None, "ana", "consent was taken back"
        )

        with pytest.raises(UsageError) as refused:
            access.give_out(version, "bo", " ")
        access.give_out(version, "bo", "the ethics board asks")

        assert refused.value.code == "AIP-NO-ACCESS"
        told = [e for e in parts.all_events() if e.type is EventType.DISSEMINATION]
        assert [(e.agent, e.detail["reason"]) for e in told] == [("bo", "the ethics board asks")]
        assert parts.catalogue.version(key) == version
        assert archive.bag(result).is_dir()


@pytest.mark.parametrize(
    ("state", "until", "reason"),
    [
        (AccessState.OPEN, None, " "),
        (AccessState.EMBARGOED, None, "no end"),
        (AccessState.EMBARGOED, datetime(2001, 1, 1, tzinfo=UTC), "past"),
        (AccessState.OPEN, datetime(2999, 1, 1, tzinfo=UTC), "open has no end"),
    ],
)
def test_what_makes_no_sense_is_refused(
    archive: Archive, state: AccessState, until: datetime | None, reason: str
) -> None:
    with archive.opened() as (parts, _), pytest.raises(UsageError):
        access_service(parts).set("notes", KEY.aip, 0, state, until, "ana", reason)


def test_access_is_the_same_after_a_rebuild(archive: Archive) -> None:
    result = archive.ingest(archive.put("first", {"a.txt": b"one"}))
    with archive.opened() as (parts, _):
        until = archive.clock.now() + DAY
        access = access_service(parts)
        access.set("notes", result.aip, 1, AccessState.EMBARGOED, until, "ana", "a thesis")
        parts.drain()
        assert [row.until for row in parts.catalogue.custody.all_access()] == [until]

    assert check_catalogue(archive.home)[1] == []
