"""A small set of policy files that is right, for tests to break in one place."""

from __future__ import annotations

import pytest

TIERS = """\
version: 1
tiers:
  vault: {kind: local, path: tiers/vault, site: Tashkent, operator: us, technology: disk}
  mirror: {kind: local, path: tiers/mirror, site: Samarkand, operator: us, technology: disk}
"""
BASELINE = """\
version: 1
contact: archive@example.org
audit:
  tiers:
    vault: {level: E3, max_age: 90d}
    mirror: {max_age: 90d}
floor:
  minimum: {replicas: 2}
  audit: {level: E3, max_age: 1y}
"""
NOTES = """\
version: 1
community: notes
title: {en: Notes}
replicas:
  - {tier: vault, packaging: folder}
  - {tier: mirror, packaging: tar}
minimum: {replicas: 2, sites: 2}
"""


@pytest.fixture
def files() -> dict[str, str]:
    return {"tiers.yaml": TIERS, "baseline.yaml": BASELINE, "notes.yaml": NOTES}
