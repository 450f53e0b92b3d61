"""``preserve formats``: what is held by format, what is doubtful, and what newer tools say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preservation.app.holdings import inventory_of, review_of
from preservation.app.parts import Parts
from preservation.audit.format_review import DueVersion, FormatReview, Reviewed
from preservation.audit.inventory import Refreshed
from preservation.cli.findings_shown import show_findings
from preservation.cli.formats_answers import draw, show_lines, show_review, write_csv
from preservation.cli.opening import communities, opened
from preservation.cli.options import Community, Json, group
from preservation.cli.shell import Several, Shell, shell, table, worst
from preservation.errors import BusyError, UsageError
from preservation.formats.groups import group_data
from preservation.formats.inventory.questions import KINDS, Attention, attention, holding
from preservation.formats.inventory.summary import BY, lines
from preservation.formats.risk import SOURCE
from preservation.model.units import counted, format_size
from preservation.policy.formats import GROUP
from preservation.policy.policy import Policy

if TYPE_CHECKING:
    from rich.console import Console

formats_app = group("What is held by format; what is doubtful; what newer signatures say.")

Csv = Annotated[Path | None, typer.Option("--csv", help="Write the rows to this file as CSV too.")]
_LISTED = 1000  # rows that attention prints
_ALL_GROUPS = "`preserve formats groups` lists all"


@formats_app.command("list")
def list_(
    ctx: typer.Context,
    community: Community = None,
    by: Annotated[
        list[str] | None, typer.Option(help=f"Count by these, repeated: {', '.join(BY)}.")
    ] = None,
    year: Annotated[
        int | None,
        typer.Option(min=1970, max=9998, help="Only what was ingested in this year."),
    ] = None,
    csv_file: Csv = None,
    chart: Annotated[
        Path | None, typer.Option(help="Draw it: a file that ends in .svg or .html.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What we hold, by format, community, year or risk; the inventory is brought up to date."""
    here, wanted = shell(ctx), tuple(by or ["format"])
    if strange := [one for one in wanted if one not in BY]:
        raise UsageError(f"cannot count by {strange[0]!r}", hint=f"one of {', '.join(BY)}")
    with opened(here) as parts:
        refreshed = _refreshed(here, parts, community)
        told = [one.community for one in refreshed]
        inventory = inventory_of(parts)
        found = lines({name: inventory.of(name) for name in told}, wanted, year)
        bars = lines({name: inventory.of(name) for name in told}, ("format",), year)
    write_csv(csv_file, [line.to_json() for line in found])
    if chart is not None:
        draw(chart, bars, ", ".join(told))
    body = {
        "by": list(wanted),
        "rows": [line.to_json() for line in found],
        "risk_source": SOURCE,
        "refreshed": [one.to_json() for one in refreshed],
    }
    code = _code(refreshed)
    here.answer(
        as_json, "samarkand.formats/1", body, lambda out: show_lines(out, found, wanted, year), code
    )


@formats_app.command()
def find(
    ctx: typer.Context,
    named: Annotated[
        str,
        typer.Option(
            "--format", help="A PUID, an identifier of ours, a MIME type, or group:<name>."
        ),
    ],
    community: Community = None,
    csv_file: Csv = None,
    as_json: Json = False,
) -> None:
    """Which AIP versions hold a format."""
    here, wanted = shell(ctx), _wanted(named)
    with opened(here) as parts:
        refreshed = _refreshed(here, parts, community)
        inventory = inventory_of(parts)
        found = [
            one
            for line in refreshed
            for one in holding(
                inventory.of(line.community),
                line.community,
                lambda id, puid, mime: not wanted.isdisjoint((id, puid, mime)),
            )
        ]
    rows = [one.to_json() for one in found]
    write_csv(csv_file, rows)

    def render(out: Console) -> None:
        shown = table(f"Holding {named}", "community", "AIP", ">version", ">files", ">size")
        for one in found:
            size = format_size(one.octets)
            shown.add_row(one.community, one.aip, str(one.version), str(one.files), size)
        out.print(shown if found else f"nothing held is {named}")

    body = {"format": named, "rows": rows, "refreshed": [one.to_json() for one in refreshed]}
    here.answer(as_json, "samarkand.formats-find/1", body, render, _code(refreshed))


@formats_app.command("attention")
def attention_(
    ctx: typer.Context,
    community: Community = None,
    kind: Annotated[
        list[str] | None, typer.Option(help=f"Only these, repeated: {', '.join(KINDS)}.")
    ] = None,
    csv_file: Csv = None,
    as_json: Json = False,
) -> None:
    """Files that somebody should look at: unknown, doubtful, invalid, changed, at high risk."""
    here, kinds = shell(ctx), tuple(kind or KINDS)
    if strange := [one for one in kinds if one not in KINDS]:
        raise UsageError(f"there is no kind {strange[0]!r}", hint=f"one of {', '.join(KINDS)}")
    with opened(here) as parts:
        refreshed = _refreshed(here, parts, community)
        inventory = inventory_of(parts)
        several = (
            one
            for line in refreshed
            for one in attention(inventory.of(line.community), line.community, kinds)
        )
        found, total = _counted(several, csv_file)

    def render(out: Console) -> None:
        shown = table("To look at", "community", "AIP", "file", "format", "why")
        for one in found:
            name = f"{one.format} {one.format_id}".strip()
            shown.add_row(
                one.community, f"{one.aip[:8]} v{one.version}", one.path, name, one.reason
            )
        out.print(shown if found else "nothing needs a look")
        if total > len(found):
            out.print(f"{total - len(found):,} more: --csv FILE writes all")

    body = {
        "total": total,
        "rows": [one.to_json() for one in found],
        "refreshed": [one.to_json() for one in refreshed],
    }
    code = worst({4 if total else 0, _code(refreshed)})
    here.answer(as_json, "samarkand.formats-attention/1", body, render, code)


@formats_app.command()
def refresh(
    ctx: typer.Context,
    community: Community = None,
    everything: Annotated[bool, typer.Option("--all", help="Make all of it anew.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the central inventory up to date from the AIPs; exit code 5 if one is missing in it."""
    here = shell(ctx)
    with opened(here) as parts:
        done = _refreshed(here, parts, community, everything=everything, quiet=True)

    def render(out: Console) -> None:
        for one in done:
            out.print(
                f"{one.community}: {counted(one.versions, 'AIP version')}, {one.taken} read now "
                f"({counted(one.files, 'file')}), {len(one.missing)} missing"
            )
            show_findings(out, one.missing)

    body = {"communities": [one.to_json() for one in done]}
    here.answer(as_json, "samarkand.formats-refresh/1", body, render, _code(done))


@formats_app.command()
def review(
    ctx: typer.Context,
    community: Community = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be read.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="All that other tools answered, not only by the rule.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look again at files that newer signatures could know better; exit code 4 if some changed."""
    here, several = shell(ctx), Several(shell(ctx))
    planned: list[tuple[Policy, DueVersion]] = []
    done: list[Reviewed] = []
    with opened(here, acts=not plan) as parts:
        refreshed = _refreshed(here, parts, community)
        watch = review_of(parts)
        for policy in communities(parts, community):
            planned += [
                (policy, due) for due in watch.plan(policy.community, everything=everything)
            ]
        if not plan:
            done = _looked_again(here, watch, planned, several)
            refreshed = _refreshed(here, parts, community)

    codes = {_code(refreshed), *several.codes}
    codes |= {4 for one in done if one.findings} | {5 for one in done if one.state in _UNDONE}
    body = {
        "planned": [{"community": p.community, **due.to_json()} for p, due in planned],
        "reviewed": [one.to_json() for one in done],
        "errors": several.errors,
    }
    here.answer(
        as_json,
        "samarkand.formats-review/1",
        body,
        lambda out: show_review(out, planned, done, plan),
        worst(codes),
    )


def _looked_again(
    here: Shell, watch: FormatReview, planned: list[tuple[Policy, DueVersion]], several: Several
) -> list[Reviewed]:
    """Review what was planned; what cannot be looked at now stops no other."""
    done = []
    with here.watching() as progress:
        files = sum(due.files for _, due in planned)
        progress.begin(f"format review of {files:,} files", None)
        for policy, due in planned:
            with several.one():
                done.append(watch.review(policy, due, progress))
    return done


@formats_app.command()
def groups(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One group, with its formats.")] = None,
    as_json: Json = False,
) -> None:
    """The named groups of formats that policies may speak of, and their sources."""
    data = group_data()
    wanted = None if name is None else name.removeprefix(GROUP)
    if wanted is not None and wanted not in data.groups:
        raise UsageError(
            f"there is no group {wanted!r}", hint="`preserve formats groups` lists all"
        )
    chosen = {key: one for key, one in data.groups.items() if wanted in (None, key)}

    def render(out: Console) -> None:
        shown = table("Groups of formats", "group", "what", ">formats", "source")
        for key, one in chosen.items():
            source = data.sources[one.source]
            shown.add_row(f"{GROUP}{key}", one.title, str(len(one.members)), source)
        out.print(shown)
        for member, told in chosen[wanted].members.items() if wanted else ():
            out.print(f"  {member:40} {told}")

    body = {
        "version": data.version,
        "sources": dict(data.sources),
        "groups": {
            one: {**asdict(group), "members": dict(group.members)} for one, group in chosen.items()
        },
    }
    shell(ctx).answer(as_json, "samarkand.format-groups/1", body, render)


_UNDONE = ("busy", "not now")


def _refreshed(
    here: Shell,
    parts: Parts,
    community: str | None,
    *,
    everything: bool = False,
    quiet: bool = False,
) -> list[Refreshed]:
    """Bring the inventories up to date before they are asked; say what is not in them."""
    service, done = inventory_of(parts), list[Refreshed]()
    with here.watching() as progress:
        for policy in communities(parts, community):
            try:
                one = service.refresh(policy.community, progress, everything=everything)
            except BusyError as error:
                if quiet:
                    raise
                here.warn(f"{error.message}: what is in it so far is told")
                one = Refreshed(policy.community, 0, 0, 0, 0, ())
            done.append(one)
    missing = sum(len(one.missing) for one in done)
    if missing and not quiet:
        here.warn(f"{missing} AIP versions are not counted: `preserve formats refresh` says why")
    return done


def _code(refreshed: Iterable[Refreshed]) -> int:
    return 5 if any(one.missing for one in refreshed) else 0


def _wanted(named: str) -> set[str]:
    known = group_data().groups
    if not named.startswith(GROUP) and "/" in named:
        return {named}
    if not named.startswith(GROUP):
        group = f"{GROUP}{named.lower()}"
        hint = group if named.lower() in known else "fmt/18, samarkand/bam, text/csv, group:pdf"
        raise UsageError(f"{named!r} is no format", hint=f"for example {hint}")
    if (name := named.removeprefix(GROUP)) not in known:
        raise UsageError(f"there is no group {name!r}", hint=_ALL_GROUPS)
    return set(known[name].members)


def _counted(several: Iterable[Attention], csv_file: Path | None) -> tuple[list[Attention], int]:
    """The first rows, and how many there are; all of them go into the file, one by one."""
    kept: list[Attention] = []
    total = 0

    def rows() -> Iterable[dict[str, Any]]:
        nonlocal total
        for one in several:
            total += 1
            if len(kept) < _LISTED:
                kept.append(one)
            yield {**one.to_json(), "kinds": " ".join(one.kinds)}

    if csv_file is None:
        for _ in rows():
            pass
    else:
        write_csv(csv_file, rows())
    return kept, total
