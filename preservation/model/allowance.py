"""How many octets one run may move."""

from __future__ import annotations


class Allowance:
    """Counts what is left. A replica of more octets than all of it is paid for once it comes up,
    as the only thing after what was taken before: it would else never come to its turn.

    Args:
        octets: at most; None: as many as there are.

    Attributes:
        refused: how many times there was too little left.
    """

    def __init__(self, octets: int | None = None) -> None:
        self._left = self._whole = octets
        self.refused = 0

    def takes(self, octets: int) -> bool:
        """Take so many out; False, and nothing taken, if there are too few."""
        if self.lacks(octets):
            self.refused += 1
            return False
        if self._left is not None:
            self._left -= octets
        return True

    def lacks(self, octets: int) -> bool:
        """Whether there is too little left for so many."""
        if self._left is None or self._whole is None:
            return False
        return self._left <= 0 or self._left < octets <= self._whole
