"""A bag has the same verdict, with the same findings, as a folder and in every archive of it."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from archives_of import FORMS, packed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preservation.bags.validate import BagReport, Mode, validate
from preservation.files import sorting
from preservation.fixity.engine import EngineSettings
from preservation.model.progress import Silence

NAMES = ("a", "A", "b c", "d/e", "d/f", "n\u00fa", "nu\u0301", "100%", "x%25", "back\\slash", "z\n")
ALGORITHMS = ("md5", "sha1", "sha256", "sha512", "crc32")

listed = st.lists(st.sampled_from(NAMES), unique=True, max_size=6)
manifest = st.fixed_dictionaries(
    {
        "names": st.none() | listed,  # None: exactly what is there
        "wrong": st.booleans(),
        "twice": st.booleans(),
        "text": st.sampled_from(("", "no line", "../../etc/passwd", "00  data/a")),
    }
)
bags = st.fixed_dictionaries(
    {
        "version": st.sampled_from(("0.93", "0.97", "1.0", "9.9")),
        "payload": listed,
        "manifests": st.dictionaries(st.sampled_from(ALGORITHMS), manifest, max_size=3),
        "tagged": st.booleans(),
        "tags": st.sets(st.sampled_from(("bag-info.txt", "notes/x.txt", "fetch.txt")), max_size=3),
        "oxum": st.sampled_from(("", "0.0", "banana")),
        "link": st.booleans(),
    }
)


def make(bag: dict, folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    for name in bag["payload"]:
        path = folder / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() * 3)
    (folder / "bagit.txt").write_text(
        f"BagIt-Version: {bag['version']}\nTag-File-Character-Encoding: UTF-8\n"
    )
    for algorithm, said in bag["manifests"].items():
        (folder / f"manifest-{algorithm}.txt").write_text(_manifest(bag, algorithm, said))
    for name in bag["tags"]:
        (folder / name).parent.mkdir(exist_ok=True)
        text = {"bag-info.txt": f"A: b\nPayload-Oxum: {bag['oxum']}\n" if bag["oxum"] else ""}
        (folder / name).write_text(text.get(name, "https://example.org/x 1 data/d/f\n"))
    if bag["tagged"]:
        _tag(folder)
    if bag["link"]:
        (folder / "data/link").symlink_to("/etc/passwd")


def _manifest(bag: dict, algorithm: str, said: dict) -> str:
    names = bag["payload"] if said["names"] is None else said["names"]
    lines = []
    for number, name in enumerate(names):
        data = name.encode() * (4 if said["wrong"] and number == 0 else 3)
        spelled = name.replace("%", "%25").replace("\n", "%0A") if number % 2 else name
        lines.append(f"{_digest(algorithm, data)}  data/{spelled}")
    return "\n".join([*lines, *lines[: said["twice"]], said["text"]])


def _digest(algorithm: str, data: bytes) -> str:
    return "0" * 8 if algorithm == "crc32" else hashlib.new(algorithm, data).hexdigest()


def _tag(folder: Path) -> None:
    files = [path for path in folder.rglob("*.txt") if path.is_file()]
    lines = (f"{_digest('md5', path.read_bytes())}  {path.relative_to(folder)}" for path in files)
    (folder / "tagmanifest-md5.txt").write_text("\n".join(lines))


def check(path: Path, mode: Mode, *, strict: bool) -> BagReport:
    how = EngineSettings(workers=1)
    return validate(path, mode=mode, strict=strict, settings=how, progress=Silence())


@pytest.mark.parametrize("form", FORMS)
@given(
    bag=bags,
    mode=st.sampled_from(Mode),
    strict=st.booleans(),
    order=st.sampled_from(("sorted", "backwards", "tags last")),
    lot=st.sampled_from((1, 3, sorting.LOT)),  # of what is sorted before it goes to disk
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_bag_has_one_verdict_in_every_form(
    form: str, bag: dict, mode: Mode, strict: bool, order: str, lot: int
) -> None:
    orders = {
        "sorted": str,
        "backwards": lambda name: [-ord(char) for char in name],
        "tags last": lambda name: (not name.startswith("data"), name),
    }
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        folder = Path(scratch) / "bag"
        make(bag, folder)
        plain = check(folder, mode, strict=strict)
        patch.setattr(sorting, "LOT", lot)
        other = check(packed(folder, form, order=orders[order]), mode, strict=strict)
    assert other.container == form
    assert {_told(each) for each in other.findings} == {_told(each) for each in plain.findings}
    assert len(other.findings) == len(plain.findings)
    for fact in ("valid", "version", "files", "octets", "fixity_checked", "algorithms"):
        assert getattr(other, fact) == getattr(plain, fact)


def _told(finding: object) -> tuple[str, ...]:
    return tuple(str(getattr(finding, name)) for name in ("code", "subject", "message", "severity"))
