"""Each DAG really runs, over the real services and a real home."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., dict[str, list[str]]]


def deposit(home: Path, community: str, name: str) -> Path:
    folder = home / "inbox" / community / name
    (folder / "данные").mkdir(parents=True)
    (folder / "данные" / "станция 7.csv").write_text("day,level\n1,4.2\n", "utf-8")
    (folder / "read me.txt").write_text(f"{name}\n", "utf-8")
    return folder


def flip_a_byte(home: Path, tier: str) -> Path:
    """Damage one byte of a replica, as a failing medium would."""
    victim = next((home / "tiers" / tier / "silk-road").rglob("read me.txt"))
    data = bytearray(victim.read_bytes())
    data[3] ^= 1
    victim.chmod(0o644)
    victim.write_bytes(data)
    return victim


def test_the_main_job_from_deposit_to_healed_replica(home: Path, run: Run) -> None:
    deposit(home, "silk-road", "Станция 7")

    took = run("ingest__silk-road")
    assert took[""] == ["success"]
    assert took["deposit.take"] == ["Станция 7 · accepted"]

    made = run("replicate__silk-road")
    assert made[""] == ["success"]
    assert made["tier-mirror.replicate"] == ["mirror · 1 AIP"]
    assert made["tier-deep.replicate"] == ["deep · 1 AIP"]
    assert made["tier-vault.replicate"] == ["skipped"]
    assert run("standing__silk-road")[""] == ["success"]

    flip_a_byte(home, "mirror")
    checked = run("audit__silk-road", everything=True)
    assert checked[""] == ["success"]
    assert checked["tier-vault.audit"] == ["vault · 1 AIP · 1 intact"]
    assert checked["tier-mirror.audit"] == ["mirror · 1 AIP · 1 altered"]
    assert run("standing__silk-road")[""] == ["failed"]

    healed = run("repair__silk-road")
    assert healed[""] == ["success"]
    assert healed["tier-mirror.replica.repair"] == ["Станция 7 on mirror · repaired"]
    assert healed["tier-mirror.replica.verify"] == ["Станция 7 on mirror · 1 intact"]
    assert run("standing__silk-road")[""] == ["success"]
    assert run("journal")[""] == ["success"]
