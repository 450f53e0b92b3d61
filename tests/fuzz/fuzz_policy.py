"""Fuzz: policy files in YAML, beside the ones that we ship."""

from pathlib import Path

import fuzzing

with fuzzing.watched(__name__):
    from preservation.policy.check import check
    from preservation.policy.policy import Policy

POLICIES = Path(__file__).resolve().parents[2] / "policies"
SHIPPED = {path.name: path.read_bytes() for path in sorted(POLICIES.glob("*.yaml"))}
NAMES = ("silk-road.yaml", "baseline.yaml", "tiers.yaml", "new.yaml")


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    name = NAMES[draw.number(len(NAMES))]
    checked = check({**SHIPPED, name: draw.rest})
    for effective in checked.effective.values():
        Policy.from_effective(effective)
    for problem in checked.problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in str(problem)


if __name__ == "__main__":
    fuzzing.fuzz(once)
