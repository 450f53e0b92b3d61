from collections.abc import Sequence

from preservation.fixity.helper_main import Filled, How, Look

def fill(
    root: int,
    copy_to: int,
    paths: Sequence[bytes],
    kept: Sequence[bytes],
    looks: Sequence[Look],
    room: memoryview,
    how: How,
    /,
) -> Filled: ...
