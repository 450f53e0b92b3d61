"""Losses under a policy: the model filled from the home, drawn and compared."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from preservation.errors import UsageError
from preservation.files import regular
from preservation.model.deferred import dataclass
from preservation.policy.foresight import checking
from preservation.policy.loss import Contribution, Model, contributions
from preservation.policy.loss_inputs import Rates, assumptions, model_of
from preservation.policy.policy import Policy
from preservation.policy.price import Cost

if TYPE_CHECKING:
    from preservation.policy.montecarlo import Spread

_TB = 10**12
_MOST_RATES = 1 << 20  # octets of a file of rates


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be simulated.

    Attributes:
        aips, aip_bytes: how many, and how large on average.
    """

    aips: int
    aip_bytes: int
    years: int
    seed: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What became of one policy.

    Attributes:
        stored: what a TB costs in a year, on all its tiers.
        checked: what reading it for the checks costs in a year.
    """

    name: str
    model: Model
    spread: Spread
    contributions: tuple[Contribution, ...]
    assumptions: tuple[str, ...]
    stored: Cost
    checked: Cost

    def to_json(self, asked: Asked) -> dict[str, Any]:
        """As documents show it; numbers rounded to what they are worth."""
        return {
            "policy": self.name,
            "assumptions": list(self.assumptions),
            "yearly_loss_per_aip": _rounded(self.model.yearly),
            "by": {
                "silent_faults": _rounded(self.model.latent),
                "lost_places": _rounded(self.model.grouped),
                "one_cause": _rounded(self.model.common),
            },
            "expected_losses": _rounded(self.model.yearly * asked.aips * asked.years),
            "drawn": {
                "trials": self.spread.trials,
                "mean": _rounded(self.spread.mean),
                "any_loss": _rounded(self.spread.any_loss),
                "median": self.spread.median,
                "at_most_in_95_percent": self.spread.most_of,
                "worst": self.spread.worst,
            },
            "contributions": [
                {"what": one.what, "less_often": _rounded(one.factor)} for one in self.contributions
            ],
            "cost_per_tb_and_year": {
                "stored": self.stored.to_json(),
                "read_for_checks": self.checked.to_json(),
            },
        }


def read_rates(path: Path | None) -> Rates:
    """The rates of a file, or our own.

    Raises:
        UsageError: it cannot be read, or is not what it should be (``POL-RATES``).
    """
    try:
        ours = resources.files("preservation.policy") / "fault_rates.yaml"
        data = ours.read_bytes() if path is None else regular.read(path, _MOST_RATES + 1)
        if len(data) > _MOST_RATES:
            raise ValueError(f"more than {_MOST_RATES} octets")
        said = yaml.safe_load(data.decode())
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        wrong = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UsageError(
            f"the rates in {path} cannot be read: {wrong}",
            hint="begin with a copy of preservation/policy/fault_rates.yaml",
            code="POL-RATES",
        ) from error
    return Rates.parse(said)


def simulate(
    name: str, policy: Policy, observed: Mapping[str, str], rates: Rates, asked: Asked
) -> Simulated:
    """What becomes of so many AIPs under a policy."""
    model = model_of(policy, observed, rates, asked.aip_bytes)
    # numpy is loaded when something is simulated, and for nothing else.
    drawing = import_module("preservation.policy.montecarlo")
    spread: Spread = drawing.simulate(model, asked.aips, asked.years, asked.seed)
    promises = contributions(
        model, rates.site_loss, rates.site_rebuild, rates.several_operators, {}
    )
    one_tb = {rule.tier: _TB for rule in policy.replicas}
    stored = Cost.total(Cost.of(policy.tiers[tier].stored, _TB) for tier in one_tb)
    return Simulated(
        name,
        model,
        spread,
        tuple(promises),
        tuple(assumptions(policy, model, rates, asked.aip_bytes)),
        stored,
        checking(policy, one_tb),
    )


def _rounded(number: float) -> float:
    """Three digits: the inputs are not known better."""
    return float(f"{number:.3g}")
