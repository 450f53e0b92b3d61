"""The S3 server that is measured with: one of rclone's, started here, or any that runs already."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from botocore.exceptions import ClientError
from buckets import KEYS, Server, serving

HELP = (
    "of another S3 server, which takes the key pair "
    f"{', '.join(KEYS.values())}, and whose bucket `keeping` is for this alone"
)


@contextmanager
def server(endpoint: str) -> Iterator[Server]:
    """The server at an address, its bucket made if it is not there; without one, rclone's."""
    if not endpoint:
        with serving("rclone") as ours:
            yield ours
        return
    theirs = Server("other", endpoint, None)
    with suppress(ClientError):
        theirs.client().create_bucket(Bucket="keeping")
    yield theirs
