from collections.abc import Sequence
from typing import Self, TypeAlias

LANES: dict[str, int]
PAYS: dict[str, int]

class State:
    def __new__(cls, name: str) -> Self: ...
    def digest(self) -> bytes: ...

_Octets: TypeAlias = bytes | bytearray | memoryview

def digests(name: str, buffers: Sequence[_Octets], /) -> bytes: ...
def update(states: Sequence[State], buffers: Sequence[_Octets], /) -> None: ...
