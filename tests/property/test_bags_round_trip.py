"""A bag of any names and bytes: made, verified, to tar and back, the same bytes."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.bags.sealed import members, tar_chunks, verify, write_folder
from preservation.bags.validate import validate
from preservation.bags.write import BagWriter
from preservation.files.held import HeldFolder, HeldTar
from preservation.fixity.engine import EngineSettings
from preservation.model.digest import Algorithm
from preservation.model.names import is_safe
from preservation.model.outcome import Outcome
from preservation.model.progress import Silence
from preservation.model.replica import VersionKey

KEY = VersionKey("silk-road", "0f0e7f4e-6b2c-4f0e-9d6a-0123456789ab", 1)
SETTINGS = EngineSettings(workers=1)

part = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20).map(
    lambda text: text.encode().replace(b"/", b"").replace(b"\0", b"")[:60]
)
name = st.lists(part, min_size=1, max_size=4).map(b"/".join)


def is_name(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return is_safe(path)


def without_clashes(payload: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """No name that is also another one's folder."""
    folders = {
        path[:at] for path in payload for at in range(len(path)) if path[at : at + 1] == b"/"
    }
    return {path: data for path, data in payload.items() if path not in folders}


payloads = st.dictionaries(name.filter(is_name), st.binary(max_size=2000), max_size=5)


@settings(max_examples=60, deadline=None)
@given(payloads.map(without_clashes))
def test_folder_to_tar_to_folder_keeps_every_byte(payload: dict[bytes, bytes]) -> None:
    quiet = Silence()
    with tempfile.TemporaryDirectory() as place:
        first, second = Path(place, "first"), Path(place, "second")
        first.mkdir()
        second.mkdir()
        writer = BagWriter(first, [Algorithm.SHA512])
        for path, data in payload.items():
            writer.add(path, io.BytesIO(data), quiet)
        facts = writer.payload()
        seal = writer.finish([("Payload-Oxum", facts.oxum)])

        report = validate(first, settings=SETTINGS, progress=quiet)
        assert report.valid, report.findings
        tar = b"".join(tar_chunks(members(HeldFolder(first, False), seal, None), KEY, quiet))
        held = HeldTar(lambda: io.BytesIO(tar), len(tar), cache_bypassed=False)
        write_folder(members(held, seal, None), second, quiet)

        for path, data in payload.items():
            with open(bytes(second / "data") + b"/" + path, "rb") as file:
                assert file.read() == data
        for place_held in (HeldFolder(second, False), held):
            result = verify(place_held, seal, settings=SETTINGS, progress=quiet)
            assert result.outcome is Outcome.INTACT
        again = tar_chunks(members(HeldFolder(second, False), seal, None), KEY, quiet)
        assert b"".join(again) == tar


@settings(max_examples=60, deadline=None)
@given(payloads.map(without_clashes), st.data())
def test_any_flipped_bit_of_a_tar_is_found_by_its_seal_or_its_digest(
    payload: dict[bytes, bytes], data: st.DataObject
) -> None:
    quiet = Silence()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "bag")
        folder.mkdir()
        writer = BagWriter(folder, [])
        for path, content in payload.items():
            writer.add(path, io.BytesIO(content), quiet)
        seal = writer.finish([])
        tar = b"".join(tar_chunks(members(HeldFolder(folder, False), seal, None), KEY, quiet))
    at = data.draw(st.integers(0, len(tar) - 1))
    bit = data.draw(st.integers(0, 7))
    broken = tar[:at] + bytes([tar[at] ^ (1 << bit)]) + tar[at + 1 :]
    held = HeldTar(lambda: io.BytesIO(broken), len(broken), cache_bypassed=False)
    # Even without the tar's own digest: the reader takes no header but the one it must be.
    assert verify(held, seal, settings=SETTINGS, progress=quiet).outcome is Outcome.ALTERED
