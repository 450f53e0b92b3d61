"""Hold a public BagIt conformance suite against us and against bagit-python.

    python benchmarks/bag_conformance.py FOLDER [--verbose] [--alone]

FOLDER has bags at ``<version>/<verdict>/<name>/``: ``valid``, ``invalid``, ``warning``, or
``<system>-only`` for what is invalid on one system: the layout of the Library of Congress's suite.
Exit code 1 where we differ from a verdict of *valid* or *invalid*.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import bagit

from preservation.bags.validate import BagReport, validate
from preservation.fixity.engine import EngineSettings
from preservation.model.progress import Silence

PATIENCE = 20  # seconds for one bag; bagit-python waits for ever on a FIFO


def bags(suite: Path) -> Iterator[tuple[str, Path]]:
    """Every bag with the verdict that it is filed under."""
    for version in sorted(path for path in suite.iterdir() if path.is_dir()):
        for verdict in sorted(path for path in version.iterdir() if path.is_dir()):
            filed = "invalid" if verdict.name.endswith("-only") else verdict.name
            for bag in sorted(path for path in verdict.iterdir() if path.is_dir()):
                yield filed, bag


def ours(bag: Path) -> BagReport:
    return validate(bag, settings=EngineSettings(workers=1), progress=Silence())


def theirs(bag: Path) -> str:
    """What bagit-python says, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        try:
            return pool.apply_async(_theirs, (str(bag),)).get(PATIENCE)
        except multiprocessing.TimeoutError:
            return "hangs"


def _theirs(bag: str) -> str:
    logging.disable()
    try:
        bagit.Bag(bag).validate()
    except bagit.BagError:
        return "invalid"
    except Exception as error:  # noqa: BLE001 (that it falls is what is told)
        return f"falls: {type(error).__name__}"
    return "valid"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--verbose", action="store_true", help="each finding")
    parser.add_argument("--alone", action="store_true", help="without bagit-python")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    wrong = 0
    for filed, bag in bags(chosen.suite):
        report = ours(bag)
        verdict = "valid" if report.valid else "invalid"
        agrees = verdict == filed or (filed == "warning" and report.valid and report.warnings > 0)
        peer = "" if chosen.alone else theirs(bag)
        counts[f"we {'agree' if agrees else 'differ'}"] += 1
        counts[f"bagit-python {'agrees' if peer == filed else 'differs'}"] += bool(peer)
        wrong += not agrees and filed in ("valid", "invalid")
        if not agrees or peer not in ("", filed) or chosen.verbose:
            where = bag.relative_to(chosen.suite)
            print(f"{where}\n    filed {filed}, we {verdict}, bagit-python {peer or 'not asked'}")
            for finding in report.findings if not agrees or chosen.verbose else ():
                print(f"    {finding.severity.value} [{finding.code}] {finding.subject}")
    for word, count in sorted(counts.items()):
        print(f"{count:4} {word}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
