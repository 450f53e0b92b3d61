"""``preserve aip``: what is held, what happened to it, and getting it out again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.access.rules import Access
from preservation.app.granting import access_of
from preservation.app.parts import Parts
from preservation.bags.undo import undone
from preservation.catalogue.protocol import ReplicaRow, VersionRow
from preservation.cli.aip_ended import disposed_table, ended_of, not_held, tombstone_json
from preservation.cli.aip_origin import origins, told
from preservation.cli.opening import known_aip, known_community, opened
from preservation.cli.options import Community, Json, group
from preservation.cli.shell import account, shell, table
from preservation.cli.streamed import MOST_SHOWN, Streamed
from preservation.errors import NotNowError, UsageError
from preservation.files import durable
from preservation.files.remove import remove_tree
from preservation.model.clock import stamp
from preservation.model.progress import Progress
from preservation.model.units import counted, format_size

if TYPE_CHECKING:
    from rich.console import Console

    from preservation.replication.restore import Restored

aip_app = group("Look at what is held; get it out again.")

Uuid = Annotated[str, typer.Argument(help="The AIP's UUID, or the beginning of it.")]


@aip_app.command("list")
def list_(ctx: typer.Context, community: Community = None, as_json: Json = False) -> None:
    """Every AIP version held; and, below, those that were disposed of."""
    here = shell(ctx)
    with opened(here) as parts:
        held = partial(parts.catalogue.versions, known_community(parts, community))
        gone = parts.catalogue.custody.tombstones(community)

        def render(out: Console) -> None:
            columns = ("community", "AIP", ">version", "deposit", ">files", ">size", "since")
            shown, rows = table("Held", *columns), held()
            for row in islice(rows, MOST_SHOWN):
                key, since = row.key, f"{row.ingested_at:%Y-%m-%d}"
                size, files = format_size(row.octets), str(row.files)
                shown.add_row(
                    key.community, key.aip, str(key.version), row.title, files, size, since
                )
            none = "nothing is held" if gone else "nothing is held yet"
            out.print(shown if len(shown) else none)
            if next(rows, None) is not None:  # to count millions would take longer than to read
                out.print("and more: --json has all")
            if gone:
                out.print(disposed_table(gone[:MOST_SHOWN]))
            if (more := len(gone) - MOST_SHOWN) > 0:
                out.print(f"and {more:,} more: --json has all")

        body = {
            "aips": Streamed(lambda: map(_version, held())),
            "disposed": [tombstone_json(one) for one in gone],
        }
        here.answer(as_json, "samarkand.aips/1", body, render)


@aip_app.command()
def show(ctx: typer.Context, aip: Uuid, as_json: Json = False) -> None:
    """One AIP: its versions, and where each of them is kept."""
    here = shell(ctx)
    with opened(here) as parts:
        rows, ended = _held(parts, aip), ended_of(parts, aip)
        key = rows[0].key if rows else ended.tombstones[0].key
        replicas = list(parts.catalogue.replicas(key.community, aip=key.aip))
        identifiers = parts.catalogue.identifiers(key.community, aip=key.aip)
        came = origins(parts, rows)
        access = [access_of(parts).of(row) for row in rows]

    def render(out: Console) -> None:
        for row, granted in zip(rows, access, strict=True):
            _render_version(out, row, granted, came.get(row.key.version, {}))
        for named in identifiers:
            out.print(f"  {named.identifier.shown} ({named.status.value})")
        if replicas:
            _render_replicas(out, replicas)
        for line in ended.lines:
            out.print(line)

    body = {
        "versions": [
            {**_version(row), **came.get(row.key.version, {}), "access": granted.to_json()}
            for row, granted in zip(rows, access, strict=True)
        ],
        **ended.to_json(),
        "identifiers": [
            {**named.identifier.to_json(), "status": named.status.value} for named in identifiers
        ],
        "replicas": [_replica(r) for r in replicas],
    }
    here.answer(as_json, "samarkand.aip/1", body, render)


def _render_version(
    out: Console, row: VersionRow, granted: Access, came: Mapping[str, Any]
) -> None:
    out.print(f"{row.title} · {row.key} · {counted(row.files, 'file')}, {format_size(row.octets)}")
    out.print(f"  seal {row.seal}")
    out.print(f"  taken in {row.ingested_at:%Y-%m-%d %H:%M} under policy {row.policy}")
    for line in told(came):
        out.print(line)
    if not granted.is_open:
        out.print(f"  access: {granted.sentence}")


def _render_replicas(out: Console, replicas: Iterable[ReplicaRow]) -> None:
    shown = table("Replicas", ">version", "tier", "packaging", "state", "checked", "evidence")
    for one in replicas:
        checked = "never" if one.checked_at is None else f"{one.checked_at:%Y-%m-%d %H:%M}"
        level = "" if one.level is None else one.level.words
        version = str(one.key.version)
        shown.add_row(version, one.tier, one.packaging.value, one.state.value, checked, level)
    out.print(shown)


@aip_app.command()
def history(ctx: typer.Context, aip: Uuid, as_json: Json = False) -> None:
    """Every event about one AIP, oldest first."""
    here = shell(ctx)
    with opened(here) as parts:
        whole = known_aip(parts, aip)
        events = [event for event in parts.all_events() if event.aip == whole]

    def render(out: Console) -> None:
        shown = table("Events", "when", ">version", "what", "tier", "outcome", "who")
        for one in events:
            when, version = f"{one.at:%Y-%m-%d %H:%M:%S}", str(one.version)
            shown.add_row(when, version, one.type.value, one.tier, one.outcome, one.agent)
        out.print(shown)

    here.answer(
        as_json, "samarkand.history/1", {"events": [event.to_json() for event in events]}, render
    )


@aip_app.command()
def export(
    ctx: typer.Context,
    aip: Uuid,
    dest: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    version: Annotated[int | None, typer.Option(min=1, help="Default: the latest.")] = None,
    payload: Annotated[
        bool,
        typer.Option(
            "--payload", help="No bag but what was deposited: original names, empty folders."
        ),
    ] = False,
    file: Annotated[
        list[str] | None,
        typer.Option(help="Only this file, as the manifests name it: data/…; may be repeated."),
    ] = None,
    override: Annotated[
        str, typer.Option(help="Staff: why it is given out although access says no; recorded.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write a version out as a bag, every file verified under the seal while it is written.

    From the nearest intact replica; where one fails in the middle, the next goes on. What access
    does not allow is refused.
    """
    if payload and file:
        raise UsageError("choose one of --payload and --file")
    here = shell(ctx)
    with opened(here, acts=bool(override)) as parts, here.watching() as progress:
        parts.expect_today()  # a catalogue of last month does not know who may see it today
        row = _wanted(parts, aip, version)
        access_of(parts).give_out(row, account(), override)
        progress.begin(f"export {row.title}", row.octets)
        only = frozenset(os.fsencode(name) for name in file or ())
        restored = _export(parts, row, dest.absolute(), progress, only, payload=payload)

    def render(out: Console) -> None:
        source = ", then ".join(restored.tiers)
        out.print(f"{row.title} v{row.key.version}, from {source}, verified: {dest}")

    body = {
        "aip": row.key.aip,
        "version": row.key.version,
        "tier": restored.tiers[-1],
        "tiers": list(restored.tiers),
        "files": restored.files,
        "path": str(dest),
    }
    here.answer(as_json, "samarkand.export/1", body, render)


def _wanted(parts: Parts, aip: str, version: int | None) -> VersionRow:
    """The version that is asked for; the latest, if none is."""
    rows = [row for row in _held(parts, aip) if version in (None, row.key.version)]
    if not rows:
        raise not_held(parts, aip, version)
    return rows[-1]


def _export(
    parts: Parts,
    row: VersionRow,
    dest: Path,
    progress: Progress,
    only: frozenset[bytes],
    *,
    payload: bool,
) -> Restored:
    """Write aside, then make visible by one rename."""
    if os.path.lexists(dest):
        raise UsageError(f"{dest} is there already", hint="name a folder that is not there yet")
    aside = dest.with_name(f".export-{os.urandom(8).hex()}")
    with _usable(dest), durable.plain_errors(dest.parent):
        aside.mkdir(parents=True)
    try:
        restored = parts.restore.restore(row, aside, progress, only)
        whole = undone(aside) if payload else aside
        durable.sync_tree(aside)
        with _usable(dest), durable.plain_errors(dest.parent):
            _show(whole, dest)
        durable.fsync_dir(dest.parent)
    finally:
        remove_tree(aside)
    return restored


def _show(whole: Path, dest: Path) -> None:
    """Give a folder its name. Network mounts and sticks know no exclusive rename; a plain one
    puts a folder at most in the place of an empty one.
    """
    try:
        durable.rename_exclusive(whole, dest)
    except NotNowError as error:
        if error.code != "FS-UNSUITABLE":
            raise
        os.rename(whole, dest)


@contextmanager
def _usable(dest: Path) -> Iterator[None]:
    """Tell of a place where no folder of that name can be."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{dest} can't be made: {error.strerror}", hint="name another folder", code="AIP-DEST"
        ) from error


def find(parts: Parts, aip: str) -> list[VersionRow]:
    """The versions that are held of the AIP whose UUID begins so.

    Raises:
        UsageError: none does, several do, or all its versions were disposed of.
    """
    if rows := _held(parts, aip):
        return rows
    raise not_held(parts, aip, None)


def _held(parts: Parts, aip: str) -> list[VersionRow]:
    """The same; nothing where all were disposed of."""
    return list(parts.catalogue.versions(aip=known_aip(parts, aip)))


def _version(row: VersionRow) -> dict[str, Any]:
    return {
        "community": row.key.community,
        "aip": row.key.aip,
        "version": row.key.version,
        "deposit": row.title,
        "seal": str(row.seal),
        "content_digest": str(row.content_digest),
        "lineage": row.lineage,
        "files": row.files,
        "bytes": row.octets,
        "ingested_at": stamp(row.ingested_at),
        "policy": row.policy,
    }


def _replica(row: ReplicaRow) -> dict[str, Any]:
    return {
        "version": row.key.version,
        "tier": row.tier,
        "key": row.key.place(row.packaging),
        "packaging": row.packaging.value,
        "state": row.state.value,
        "verified_at": None if row.verified_at is None else stamp(row.verified_at),
        "checked_at": None if row.checked_at is None else stamp(row.checked_at),
        "outcome": None if row.outcome is None else row.outcome.value,
        "level": None if row.level is None else row.level.value,
    }
