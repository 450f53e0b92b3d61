from __future__ import annotations

from preservation.model.units import counted, format_size


def test_one_thing_is_one_and_all_others_are_many() -> None:
    assert counted(1, "file") == "1 file"
    assert counted(0, "file") == "0 files"
    assert counted(12345, "policy", "policies") == "12,345 policies"


def test_what_is_nearly_the_next_unit_is_said_in_it() -> None:
    assert [format_size(1024**power - 1) for power in (1, 2, 5)] == ["1023 B", "1.0 MiB", "1.0 PiB"]
    assert format_size(1023 * 1024) == "1023.0 KiB"
