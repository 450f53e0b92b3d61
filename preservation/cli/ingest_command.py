"""What ``preserve ingest`` does; its words are in ``ingest_ahead.py``."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from preservation.app.parts import Parts
from preservation.catalogue.protocol import Lease, ReplicaRow
from preservation.cli.findings_shown import show_finding
from preservation.cli.opening import communities, opened
from preservation.cli.replicating import codes, made, show_replicas
from preservation.cli.shell import Several, Shell, table, worst
from preservation.errors import UsageError
from preservation.ingest.reading_back import Beside
from preservation.ingest.result import DepositResult
from preservation.model.progress import Progress
from preservation.model.units import format_size
from preservation.policy.policy import Policy
from preservation.replication.result import ReplicaResult

if TYPE_CHECKING:
    from rich.console import Console

    from preservation.formats.tool_workers import ToolWorkers


def take_in(
    here: Shell,
    ahead: ToolWorkers,
    path: Path | None,
    community: str | None,
    *,
    replicate: bool,
    as_json: bool,
) -> NoReturn:
    """Do what the words say, and leave with an exit code.

    Args:
        ahead: what says what files are; it may be getting ready by now.
        path: the deposit; None for all that wait in the inboxes.
    """
    several = Several(here)
    replicas: list[ReplicaResult] = []
    with opened(here, acts=True, ahead=ahead) as parts, here.watching() as progress:
        beside = _beside(parts, replicas) if replicate else None
        if path is None or community is None:
            taken = _take_all(parts, community, several, progress, beside)
        else:
            taken = [_take_one(parts, path, community, progress, beside)]
        results = [result for _, result in taken]
        if replicate:
            for aip, policy in {one.aip: policy for policy, one in taken if one.aip}.items():
                replicas = _latest(replicas, made(parts, policy, several, progress, aip=aip))

    def show(out: Console) -> None:
        render(out, results)
        if replicas:
            show_replicas(out, replicas)
        elif replicate and not results:
            out.print("`preserve replicate` makes what is promised of earlier deposits and missing")

    exit_code = worst({_code(result) for result in results} | codes(replicas) | several.codes)
    body: dict[str, Any] = {"deposits": [result.to_json() for result in results]}
    if replicate:
        body["replicas"] = [one.to_json() for one in replicas]
    body["errors"] = several.errors
    here.answer(as_json, "samarkand.ingest/1", body, show, exit_code)


_Taken = tuple[Policy, DepositResult]


def _beside(parts: Parts, replicas: list[ReplicaResult]) -> Beside:
    """What makes another replica while the first one is read back."""

    def beside(policy: Policy, row: ReplicaRow, progress: Progress, lease: Lease) -> None:
        weigh = partial(parts.checker.weigh, lease=lease)
        replicas.extend(parts.replication.read_back(policy, row, progress, weigh))

    return beside


def _latest(earlier: list[ReplicaResult], later: list[ReplicaResult]) -> list[ReplicaResult]:
    """One result for each replica: what was tried once more counts as it ended then."""
    return list({(one.key, one.tier): one for one in (*earlier, *later)}.values())


def _take_one(
    parts: Parts, path: Path, community: str, progress: Progress, beside: Beside | None
) -> _Taken:
    policy = parts.store.governing(community)
    _expect_apart(parts.home.path, path)
    arrival = parts.ingest.arrive(policy, path.absolute())
    taken = parts.ingest.take(policy, arrival, progress, by_hand=True, beside=beside)
    if parts.ahead is not None:
        parts.ahead.leave()
    return policy, taken


def _expect_apart(home: Path, deposit: Path) -> None:
    """Whatever is done writes into the home: a deposit that holds it would never lie still.

    Raises:
        UsageError: it does (``DEP-HOLDS-HOME``).
    """
    real = os.path.realpath(home), os.path.realpath(deposit)
    if os.path.commonpath(real) == real[1]:
        raise UsageError(
            f"the deposit holds this home, {home}, which changes while it is taken in",
            hint="name the folder of the data alone",
            code="DEP-HOLDS-HOME",
        )


def _take_all(
    parts: Parts,
    community: str | None,
    several: Several,
    progress: Progress,
    beside: Beside | None,
) -> list[_Taken]:
    """Everything complete; an inbox or deposit that cannot be read now stops no other."""
    taken: list[_Taken] = []
    for policy in communities(parts, community):
        with several.one():
            for arrival in parts.ingest.scan(policy):
                with several.one():
                    done = parts.ingest.take(policy, arrival, progress, beside=beside)
                    taken.append((policy, done))
    return taken


def _code(result: DepositResult) -> int:
    if result.outcome == "rejected":
        return 3
    unverified = any(replica.state != "verified" for replica in result.replicas)
    return 5 if unverified or result.outcome == "busy" else 0


def render(out: Console, results: list[DepositResult]) -> None:
    """Print what became of deposits, rejections with all of their findings."""
    if not results:
        out.print("nothing was waiting")
        return
    rows = table("Deposits", "deposit", "outcome", "AIP", ">version", ">files", ">size")
    for one in results:
        version = str(one.version or "")
        size = format_size(one.octets) if one.seal else ""
        files = str(one.files) if one.seal else ""
        rows.add_row(one.deposit, one.outcome, one.aip, version, files, size)
    out.print(rows)
    for one in results:
        for finding in one.findings:
            show_finding(out, finding, f"{one.deposit}: ")
