"""The demo's plot: deposits in, replicas, one flipped byte, found, healed, reported, proved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from preservation.app.parts import Parts, open_home
from preservation.cli.demo_engines import Engine, last_reports
from preservation.cli.demo_proof import Proof, prove, tier_root_of
from preservation.cli.shell import Shell, table
from preservation.errors import SamarkandError
from preservation.model.deferred import dataclass
from preservation.model.names import display
from preservation.model.replica import Packaging, ReplicaState, VersionKey
from preservation.model.units import format_size

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Flip:
    """One byte that the demo damaged, in a replica of its own home."""

    key: VersionKey
    file: Path
    offset: int
    before: int
    after: int


def tell(here: Shell, engine: Engine, communities: list[str]) -> bool:
    """Let the engine do the main job, and tell what happens.

    Returns:
        Whether everything came out as it should.
    """
    out = here.out
    _heading(out, "Ingest: deposits are examined, packaged as BagIt, read back")
    engine.ingest(communities)
    with open_home(here.home) as parts:
        _arrivals(out, parts, communities)
    _heading(out, "Replicate: to every tier that the policies promise")
    engine.replicate(communities)
    with open_home(here.home) as parts:
        flip = _flip(parts, communities[0])
    if flip is not None:
        _heading(out, "Damage: one byte of one replica is flipped, behind the archive's back")
        _line(out, f"file   {flip.file}")
        _line(out, f"offset {flip.offset}: {flip.before:#04x} before, {flip.after:#04x} after")
    _heading(out, "Audit: every replica is read back from the disk and compared")
    engine.audit(communities)
    _heading(out, "Repair: damaged bytes go into quarantine, verified ones take their place")
    engine.repair(communities)
    healed = flip is None or _byte(flip) == flip.before
    if flip is not None:
        word = "again: healed" if healed else "still: NOT healed"
        _line(out, f"offset {flip.offset} is {_byte(flip):#04x} {word}")
    with open_home(here.home) as parts:
        _tables(out, parts, communities)
        _heading(out, "Proof: other people's tools over what is stored")
        key = None if flip is None else flip.key
        proved = prove(parts, communities[0], key, lambda proof: _proof(out, proof))
        kept = all(parts.standing(parts.store.governing(one)).kept for one in communities)
    for community, page in last_reports(here.home, communities).items():
        out.print(f"[bold]report[/] {escape(community)}: {escape(str(page.absolute()))}")
    return healed and kept and proved


def _heading(out: Console, text: str) -> None:
    out.print(f"\n[bold cyan]{escape(text)}[/]")


def _line(out: Console, text: str) -> None:
    out.print(f"  {text}", markup=False)


def _proof(out: Console, proof: Proof) -> None:
    mark = "[green]✓[/]" if proof.ok else "[red]✗[/]"
    out.print(f"  {mark} [dim]cd {escape(str(proof.folder))}[/]\n    {escape(proof.command)}")
    if proof.said != "OK":
        out.print(f"    {escape(proof.said)}")


def _arrivals(out: Console, parts: Parts, communities: list[str]) -> None:
    """Each deposit and what became of it, rejections with all of their findings."""
    for community in communities:
        for arrival in parts.catalogue.arrivals(community):
            _line(out, f"{community} · {arrival.name}: {arrival.state}")
            for finding in arrival.receipt.get("findings", []):
                _line(out, f"    [{finding['code']}] {finding['subject']}: {finding['message']}")


def _flip(parts: Parts, community: str) -> Flip | None:
    """Flip the middle bit of the largest payload file of one verified folder replica.

    Only ever below a tier of this home; a deposit is never touched.
    """
    policy = parts.store.governing(community)
    for rule in reversed(policy.replicas):
        if rule.packaging is not Packaging.FOLDER:
            continue
        for row in parts.catalogue.replicas(community, tier=rule.tier):
            if row.state is ReplicaState.VERIFIED and row.octets:
                bag = tier_root_of(parts, row) / row.key.place(row.packaging)
                return _flip_in(parts.home.path, bag, row.key)
    return None


def _flip_in(home: Path, bag: Path, key: VersionKey) -> Flip:
    files = sorted(path for path in (bag / "data").rglob("*") if path.is_file())
    file = max(files, key=lambda path: path.stat().st_size)
    if not file.resolve().is_relative_to(home.resolve() / "tiers"):
        raise SamarkandError(f"{file} is not below this home's tiers", code="DEMO-NOT-OURS")
    mode, offset = file.stat().st_mode, file.stat().st_size // 2
    file.chmod(0o644)
    with file.open("r+b") as content:
        content.seek(offset)
        before = content.read(1)[0]
        content.seek(offset)
        content.write(bytes([before ^ 0x10]))
    file.chmod(mode)
    return Flip(key, file, offset, before, before ^ 0x10)


def _byte(flip: Flip) -> int:
    with flip.file.open("rb") as content:
        content.seek(flip.offset)
        return content.read(1)[0]


def _tables(out: Console, parts: Parts, communities: list[str]) -> None:
    _heading(out, "What came of it")
    for community in communities:
        _deposits(out, parts, community)
        _replicas(out, parts, community)
        _findings(out, parts, community)


def _deposits(out: Console, parts: Parts, community: str) -> None:
    rows = table(f"{community}: deposits", "deposit", "outcome", "AIP", ">files", ">size", "why")
    versions = {row.key: row for row in parts.catalogue.versions(community)}
    by_aip = {(key.aip, key.version): row for key, row in versions.items()}
    for arrival in parts.catalogue.arrivals(community):
        row = by_aip.get((arrival.aip, arrival.version))
        findings = arrival.receipt.get("findings", [])
        why = "\n".join(one["code"] for one in findings)
        files, size = ("", "") if row is None else (str(row.files), format_size(row.octets))
        aip = f"{arrival.aip[:8]} v{arrival.version}" if row is not None else ""
        rows.add_row(escape(arrival.name), arrival.state, aip, files, size, escape(why))
    out.print(rows)


def _replicas(out: Console, parts: Parts, community: str) -> None:
    standing = parts.standing(parts.store.governing(community))
    rows = table(
        f"{community}: replicas", "tier", ">replicas", ">verified", ">size", "oldest check, UTC"
    )
    for tier in standing.tiers:
        oldest = "never" if tier.oldest_check is None else f"{tier.oldest_check:%Y-%m-%d %H:%M:%S}"
        size = format_size(tier.octets)
        rows.add_row(tier.tier, str(tier.replicas), str(tier.verified), size, oldest)
    out.print(rows)
    domains = set(parts.observed().values())
    if len(domains) == 1:
        out.print(
            f"  {len(standing.tiers)} replicas in 1 failure domain ({escape(domains.pop())}): "
            "one disk failure loses all"
        )


def _findings(out: Console, parts: Parts, community: str) -> None:
    found = parts.catalogue.findings(community)
    if not found:
        return
    rows = table(f"{community}: findings", "code", "tier", "what", "state", "healed from")
    for row in found:
        source = str(row.detail.get("repair", {}).get("source", ""))
        what = display(row.message.encode())
        rows.add_row(row.code, row.tier, escape(what), row.state, source)
    out.print(rows)
