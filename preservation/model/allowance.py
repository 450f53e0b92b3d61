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
        self._left = self._left_to_read = self._whole = octets
        self.refused = 0

    def takes(self, octets: int) -> bool:
        """Take so many out; False, and nothing taken, if there are too few."""
        if self.lacks(octets):
            self.refused += 1
            return False
        if self._left is not None:
            self._left -= octets
        return True

    def takes_both(self, octets: int, only_read: int) -> bool:
        """The same where what is counted is written; beside it as much may be read of what was
        written before.
        """
        lacks_room = bool(only_read) and _lacks(self._left_to_read, self._whole, only_read)
        if lacks_room or (octets and self.lacks(octets)):
            self.refused += 1
            return False
        if self._left is not None and self._left_to_read is not None:
            self._left -= octets
            self._left_to_read -= only_read
        return True

    def lacks(self, octets: int) -> bool:
        """Whether there is too little left for so many."""
        return _lacks(self._left, self._whole, octets)


def _lacks(left: int | None, whole: int | None, octets: int) -> bool:
    if left is None or whole is None:
        return False
    return left <= 0 or left < octets <= whole
