"""``python -m preservation.supervise SETTINGS``: the supervising process. ``up`` starts it."""

from __future__ import annotations

import logging
import sys

from preservation.errors import SamarkandError
from preservation.supervise.settings import Settings
from preservation.supervise.supervisor import Supervisor


def main() -> int:
    """Run it; the exit code is the error's."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        return Supervisor(Settings.decode(sys.argv[1])).run()
    except SamarkandError as error:
        logging.getLogger(__name__).error("%s", error.message)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
