"""What a tier asks for keeping and for reading, as people write it: ``0.02 USD per GB and month``.

The effective policy keeps the very words; sums are exact decimals, and currencies are never
added to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from preservation.errors import MalformedError
from preservation.model.deferred import dataclass
from preservation.model.units import format_size

STORED_PATTERN = r"[0-9]{1,7}(?:\.[0-9]{1,6})? [A-Z]{3} per [GT]B and (?:month|year)"
STORED_WORDS = (
    "a price with its currency (ISO 4217): 0.02 USD per GB and month, 60 EUR per TB and year"
)
READ_PATTERN = r"[0-9]{1,7}(?:\.[0-9]{1,6})? [A-Z]{3} per [GT]B"
READ_WORDS = "a price with its currency: 0.01 USD per GB"

_OCTETS = {"GB": 10**9, "TB": 10**12}
_A_YEAR = {"month": 12, "year": 1, "": 1}
_PRICE = re.compile(r"([0-9.]+) ([A-Z]{3}) per (GB|TB)(?: and (month|year))?")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Price:
    """A price by volume.

    Attributes:
        amount: for ``octets`` of them; where something is kept, for a whole year.
        currency: ISO 4217.
    """

    amount: Decimal
    currency: str
    octets: int

    @classmethod
    def parse(cls, text: str) -> Price:
        """Read a price that matches one of the two patterns.

        Raises:
            MalformedError: it matches neither.
        """
        match = _PRICE.fullmatch(text)
        if match is None:
            raise MalformedError(f"not a price: {text!r}", hint=f"write {STORED_WORDS}")
        amount, currency, unit, period = match.groups()
        return cls(Decimal(amount) * _A_YEAR[period or ""], currency, _OCTETS[unit])

    def of(self, octets: int) -> Decimal:
        """What so many octets cost (in a year, where they are kept)."""
        return self.amount * octets / self.octets


class Cost:
    """Sums of money, each currency for itself, and how many octets have no price.

    Attributes:
        unpriced: octets on tiers whose price nobody has said.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Decimal] = {}
        self.unpriced = 0

    def add(self, price: Price | None, octets: int) -> None:
        """Count octets at a price, or as unpriced."""
        if price is None:
            self.unpriced += octets
        else:
            before = self._sums.get(price.currency, Decimal(0))
            self._sums[price.currency] = before + price.of(octets)

    @classmethod
    def of(cls, price: Price | None, octets: int) -> Cost:
        """The cost of one thing."""
        cost = cls()
        cost.add(price, octets)
        return cost

    @classmethod
    def total(cls, costs: Iterable[Cost]) -> Cost:
        """Costs together."""
        whole = cls()
        for cost in costs:
            whole.unpriced += cost.unpriced
            for currency, amount in cost._sums.items():  # noqa: SLF001 - our own
                whole._sums[currency] = whole._sums.get(currency, Decimal(0)) + amount
        return whole

    def __bool__(self) -> bool:
        """Whether anything has, or lacks, a price."""
        return bool(self._sums or self.unpriced)

    @property
    def sums(self) -> Mapping[str, Decimal]:
        """By currency, rounded to a hundredth."""
        return {
            currency: self._sums[currency].quantize(_CENT, ROUND_HALF_UP)
            for currency in sorted(self._sums)
        }

    def to_json(self) -> dict[str, Any]:
        """Amounts as texts, since JSON's numbers would round them."""
        return {
            "sums": {currency: str(amount) for currency, amount in self.sums.items()},
            "unpriced_bytes": self.unpriced,
        }

    def __str__(self) -> str:
        told = [
            f"less than 0.01 {currency}"
            if self._sums[currency] and not amount
            else f"{amount:,} {currency}"
            for currency, amount in self.sums.items()
        ]
        if self.unpriced:
            told.append(f"no price said for {format_size(self.unpriced)}")
        return " and ".join(told) or "nothing"
