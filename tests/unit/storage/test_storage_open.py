"""What a declaration opens, and what that costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from preservation.errors import TierUnavailableError
from preservation.policy.policy import TierSpec
from preservation.storage.open import open_tier

_SPEC = 'TierSpec("deep", "s3", "", "s", "o", "t", bucket="deep-bucket", credential="nobody")'


def test_a_tier_in_a_bucket_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from preservation.policy.policy import TierSpec\n"
        "from preservation.storage.open import open_tier\n"
        f"assert open_tier({_SPEC}, Path()).id == 'deep'\n"
        "assert not {'boto3', 'botocore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_the_real_one_when_it_is_used() -> None:
    spec = TierSpec("deep", "s3", "", "s", "o", "t", bucket="deep-bucket", credential="nobody")
    tier = open_tier(spec, Path())
    assert [one.value for one in tier.packagings] == ["tar"]
    with pytest.raises(TierUnavailableError, match="not in the environment"):
        tier.check()


def test_another_holders_tier_costs_nothing_where_none_is_named() -> None:
    code = (
        "import sys, preservation.app.parts\n"
        "assert not {'http.server', 'preservation.storage.archivematica'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
