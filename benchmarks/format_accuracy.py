"""How often the format is right, and how often doubt is marked where it should be.

    python benchmarks/format_accuracy.py [CACHE] [--held-out | --tuned] [--wrong]

Sound files: exact, parent (true but coarser), unknown, wrong: for Siegfried and libmagic alone and
for us. Then the same files cut, renamed and damaged: on how many of them doubt is marked, and on
how many that, or the check of their content says that they are invalid.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from format_corpus import Item, corpus
from format_truth import FAMILIES, verdict

from preservation.formats.checks.checker import FormatChecker
from preservation.formats.identifier import FormatIdentifier
from preservation.model.format_check import Validity
from preservation.model.identification import Identification

_PER_FAMILY = 6  # files that are damaged
_RENAMED = ("pdf", "png", "csv", "json", "h5", "nc", "docx", "fits", "zip", "xml", "tif", "fasta")
_TEXTUAL = {
    name
    for name, family in FAMILIES.items()
    if "text" in family.parents
    or "xml" in family.parents
    or name in ("text", "xml", "html", "json")
}


# Each tool alone, in a process of its own: after a mere import of pygfried nothing may fork.
_ALONE = """
import json, sys, magic, pygfried
paths = json.load(sys.stdin)
mime = magic.Magic(mime=True)
files = pygfried.identify_many(paths)["files"]
first = [(one["matches"] or [{"id": "UNKNOWN"}])[0] for one in files]
known = [one if one["id"] != "UNKNOWN" else None for one in first]
print(json.dumps({
    "Siegfried": [one and f"{one['id']} {one['format']} {one['mime']}" or "" for one in known],
    "libmagic": [mime.from_file(path) for path in paths],
}))
"""


def _alone(items: list[Item]) -> dict[str, list[str]]:
    run = subprocess.run(
        [sys.executable, "-c", _ALONE],
        input=json.dumps([str(item.path) for item in items]),
        capture_output=True,
        text=True,
        check=True,
    )
    said: dict[str, list[str]] = json.loads(run.stdout)
    return said


def _said(found: Identification) -> str:
    return f"{found.local} {found.puid} {found.name} {found.mime}".strip()


def _cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


def _damaged(data: bytes, at: int, octets: int) -> bytes:
    junk = random.Random(at).randbytes(octets)
    return data[:at] + junk[: max(0, len(data) - at)] + data[at + octets :]


MUTATIONS: dict[str, Callable[[bytes], bytes]] = {
    "first half": _cut(0.5),
    "first 1 KiB": lambda data: data[:1024],
    "last 1 % cut": _cut(0.99),
    "last 10 % cut": _cut(0.9),
    "first 16 zeroed": lambda data: bytes(16) + data[16:],
    "first 512 junk": lambda data: _damaged(data, 0, 512),
    "1 KiB junk in the middle": lambda data: _damaged(data, len(data) // 2, 1024),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", nargs="?", type=Path)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument(
        "--wrong", action="store_true", help="list what is not exact, or doubted wrongly"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FormatIdentifier(2) as identifier:
        items = corpus(asked.cache.resolve() if asked.cache else None, Path(folder) / "made")
        if asked.held_out or asked.tuned:
            items = [item for item in items if item.held_out is asked.held_out]
        print(identifier.toolchain)
        _sound(items, identifier, asked.wrong)
        _unsound(items, identifier, Path(folder) / "harmed", asked.wrong)


def _sound(items: list[Item], identifier: FormatIdentifier, wrong: bool) -> None:
    paths = [os.fsencode(item.path.relative_to("/")) for item in items]
    began = time.perf_counter()
    answers = identifier.identify(Path("/"), paths)
    print(f"{len(paths) / (time.perf_counter() - began):.0f} files a second, one caller")
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    doubts: Counter[str] = Counter()
    for item, found in zip(items, answers, strict=True):
        doubts.update(found.flags if found.doubtful else ())
        doubts["doubtful"] += found.doubtful
        ours = verdict(item.family, _said(found))
        verdicts["ours"][ours] += 1
        if wrong and (ours != "exact" or found.doubtful):
            said = f"{_said(found)[:60]:62}{' '.join(found.flags)} {found.warnings[-1:]}"
            print(f"  {ours:8}{item.family:14}{str(item.path)[-50:]:52}{said}")
    for tool, alone in _alone(items).items():
        for item, answer in zip(items, alone, strict=True):
            verdicts[tool][verdict(item.family, answer)] += 1
    print(f"\n{len(items)} sound files")
    for tool, counts in verdicts.items():
        print(
            f"  {tool:10}"
            + "  ".join(
                f"{one} {counts[one] / len(items):7.2%}"
                for one in ("exact", "parent", "unknown", "wrong")
            )
        )
    print(
        "  doubt      "
        + "  ".join(f"{one} {number / len(items):.2%}" for one, number in doubts.most_common())
    )


def _unsound(items: list[Item], identifier: FormatIdentifier, folder: Path, wrong: bool) -> None:
    chosen, taken = [], Counter[str]()
    for item in items:
        if taken[item.family] < _PER_FAMILY and 2048 <= item.path.stat().st_size <= 8 << 20:
            taken[item.family] += 1
            chosen.append(item)
    asked: list[tuple[str, Item, bytes]] = []
    for number, item in enumerate(chosen):
        data = item.path.read_bytes()
        for kind, change in MUTATIONS.items():
            changed = change(data)
            if changed != data:
                asked.append(
                    (
                        kind,
                        item,
                        _write(
                            folder, f"{kind.replace(' ', '')}-{number}{item.path.suffix}", changed
                        ),
                    )
                )
        claims = [
            ending
            for ending in _RENAMED
            if ending not in item.family and ending != item.path.suffix.lower()[1:]
        ]
        ending = claims[number % len(claims)]
        asked.append(("renamed", item, _write(folder, f"renamed-{number}.{ending}", data)))
    paths = [path for _, _, path in asked]
    answers = identifier.identify(folder, paths)
    with FormatChecker(2) as checker:
        checks = checker.check(folder, paths, answers)
    seen: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for (kind, item, path), found, check in zip(asked, answers, checks, strict=True):
        told = (found.doubtful, found.doubtful or check.validity is Validity.INVALID)
        seen[kind].append(told)
        seen["all text" if item.family in _TEXTUAL else "all binary"].append(told)
        seen["all"].append(told)
        if wrong and not any(told):
            said = f"{path.decode()[-20:]:22}{_said(found)[:50]}"
            print(f"  unseen   {kind:26}{item.family:14}{str(item.path)[-40:]:42}{said}")
    print(f"\n{len(chosen)} files, cut, renamed and damaged: doubtful; doubtful or invalid")
    for kind, marked in seen.items():
        shares = "  ".join(f"{sum(one) / len(one):7.1%}" for one in zip(*marked, strict=True))
        print(f"  {kind:26}{shares} of {len(marked)}")


def _write(folder: Path, name: str, data: bytes) -> bytes:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return name.encode()


if __name__ == "__main__":
    main()
