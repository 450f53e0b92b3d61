"""Values that are stored in few octets come back as they were."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from preservation.catalogue import tables as t
from preservation.catalogue.columns import STATES, Code, Tagged
from preservation.errors import MalformedError
from preservation.model.outcome import Level, Outcome
from preservation.model.replica import Packaging, ReplicaState

DIALECT: sa.Dialect = sqlite.dialect()
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    ["", f"sha256:{HEX}", f"sha256:{HEX.upper()}", "sha256:0", "\0" + "x" * 32, "Дата", "\ud800"],
)
def test_whatever_stands_for_a_policy_comes_back(text: str) -> None:
    stored = Tagged().process_bind_param(text, DIALECT)
    assert Tagged().process_result_value(stored, DIALECT) == text


def test_a_digest_is_stored_as_its_octets() -> None:
    assert Tagged().process_bind_param(f"sha256:{HEX}", DIALECT) == b"\0" + bytes.fromhex(HEX)


def test_every_word_of_the_model_has_a_code() -> None:
    for words, kind in (
        (t.PACKAGINGS, Packaging),
        (STATES, ReplicaState),
        (t.OUTCOMES, Outcome),
        (t.LEVELS, Level),
    ):
        assert set(words) == {one.value for one in kind}


def test_a_word_without_a_code_is_refused() -> None:
    with pytest.raises(MalformedError):
        Code(("folder", "tar")).process_bind_param("zip", DIALECT)
