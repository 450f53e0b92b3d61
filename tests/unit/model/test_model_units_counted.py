from __future__ import annotations

from preservation.model.units import counted


def test_one_thing_is_one_and_all_others_are_many() -> None:
    assert counted(1, "file") == "1 file"
    assert counted(0, "file") == "0 files"
    assert counted(12345, "policy", "policies") == "12,345 policies"
