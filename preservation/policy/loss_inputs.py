"""From a policy, and rates with their sources, to the model of losses.

Source of the rates: ``preservation/policy/fault_rates.yaml``, or a file of the administrator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from preservation.errors import UsageError
from preservation.model.deferred import dataclass
from preservation.model.units import format_duration, parse_duration
from preservation.policy.independence import Independence
from preservation.policy.language import MEDIA
from preservation.policy.loss import Copy, Group, Model
from preservation.policy.policy import Policy

_YEAR = timedelta(days=365.25)
_TB = 10**12


@dataclass(frozen=True, slots=True)
class Medium:
    """Rates a year of one kind of medium, and what they rest on."""

    per_tb: float
    per_object: float
    domain_loss: float
    basis: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Everything that is not in a policy: rates are per year, times in years."""

    media: Mapping[str, Medium]
    site_loss: float
    site_rebuild: float
    domain_rebuild: float
    one_operator: float
    several_operators: float
    repair_automatic: float
    repair_approved: float
    aip_bytes: int

    @classmethod
    def parse(cls, data: Any) -> Rates:
        """Read the document of a rates file.

        Raises:
            UsageError: a number is missing, negative or no number (``POL-RATES``).
        """
        try:
            media = {
                name: Medium(
                    _rate(data["media"][name]["per_tb"]),
                    _rate(data["media"][name]["per_object"]),
                    _rate(data["media"][name]["domain_loss"]),
                    str(data["media"][name]["basis"]),
                )
                for name in MEDIA
            }
            return cls(
                media=media,
                site_loss=_rate(data["site"]["loss"]),
                site_rebuild=_years(parse_duration(data["site"]["rebuild"])),
                domain_rebuild=_years(parse_duration(data["domain"]["rebuild"])),
                one_operator=_rate(data["common"]["one_operator"]),
                several_operators=_rate(data["common"]["several_operators"]),
                repair_automatic=_years(parse_duration(data["repair"]["automatic"])),
                repair_approved=_years(parse_duration(data["repair"]["approved"])),
                aip_bytes=int(_rate(data["aip_bytes"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"the rates cannot be used: {type(error).__name__}: {error}",
                hint="begin with a copy of preservation/policy/fault_rates.yaml",
                code="POL-RATES",
            ) from error


def model_of(policy: Policy, observed: Mapping[str, str], rates: Rates, aip_bytes: int) -> Model:
    """The model of one policy.

    Args:
        observed: tier -> failure domain.
        aip_bytes: of an AIP, on average.
    """
    return Model(
        copies=tuple(_copy(policy, rule.tier, rates, aip_bytes) for rule in policy.replicas),
        groups=tuple(_groups(policy, observed, rates)),
        common=rates.several_operators if _operators(policy) > 1 else rates.one_operator,
    )


def assumptions(policy: Policy, model: Model, rates: Rates, aip_bytes: int) -> list[str]:
    """What the figures rest on, a line each."""
    lines = [f"an AIP has {aip_bytes:,} bytes on average"]
    for copy in model.copies:
        medium = policy.tiers[copy.tier].medium
        lines.append(
            f"{copy.tier}: {medium}, {copy.rate:.2g} silent faults a year and AIP "
            f"({rates.media[medium].basis}); checked every {_spelt(copy.age)}, mended within "
            f"{_spelt(copy.repair)}"
        )
    for group in model.groups:
        tiers = ", ".join(sorted(group.tiers))
        lines.append(
            f"{group.name} ({tiers}) is lost with all in it {group.rate:.2g} times a year, and "
            f"rebuilt within {_spelt(group.rebuild)}"
        )
    who = "several operators" if _operators(policy) > 1 else "one operator"
    lines.append(
        f"{who}: one mistake or one thief takes all replicas {model.common:.2g} times a year"
    )
    return lines


def _copy(policy: Policy, tier: str, rates: Rates, aip_bytes: int) -> Copy:
    medium = rates.media[policy.tiers[tier].medium]
    rule = policy.audit.tiers.get(tier)
    others = [policy.tiers[one.tier].retrieval for one in policy.replicas if one.tier != tier]
    decide = rates.repair_automatic if policy.repair.automatic else rates.repair_approved
    return Copy(
        tier=tier,
        rate=medium.per_object + medium.per_tb * aip_bytes / _TB,
        age=_years(rule.max_age) if rule else 100.0,
        repair=decide + _years(min(others, default=timedelta(0))),
    )


def _groups(policy: Policy, observed: Mapping[str, str], rates: Rates) -> Iterator[Group]:
    promised = [rule.tier for rule in policy.replicas]
    for domain in Independence(policy, observed).domains(promised):
        media = [rates.media[policy.tiers[tier].medium] for tier in domain.tiers]
        name = domain.shared or f"tier {', '.join(domain.tiers)}"
        rate = max(medium.domain_loss for medium in media)
        yield Group(name, frozenset(domain.tiers), rate, rates.domain_rebuild)
    for site in dict.fromkeys(policy.tiers[tier].site for tier in promised):
        tiers = frozenset(tier for tier in promised if policy.tiers[tier].site == site)
        yield Group(f"site {site}", tiers, rates.site_loss, rates.site_rebuild)


def _operators(policy: Policy) -> int:
    """Who can reach replicas: operators, and the credentials that they are reached with."""
    specs = [policy.tiers[rule.tier] for rule in policy.replicas]
    operators = len({spec.operator for spec in specs})
    return 1 if len({spec.credential or spec.id for spec in specs}) == 1 else operators


def _rate(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not 0 <= number < float("inf"):
        raise ValueError(f"not a rate: {value!r}")
    return number


def _years(time: timedelta) -> float:
    return time / _YEAR


def _spelt(years: float) -> str:
    return format_duration(timedelta(seconds=round(years * _YEAR.total_seconds())))
