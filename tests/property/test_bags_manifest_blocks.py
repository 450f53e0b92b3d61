"""Lines that are judged a block at a time say the same as lines that are judged one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from preservation.bags.findings import Findings
from preservation.bags.manifest import ManifestName, Parser, Records

PIECES = (
    "data/",
    "a",
    "/",
    ".",
    "..",
    "%",
    "%25",
    "%0A",
    "\\",
    "*",
    " ",
    "\0",
    "./",
    "n\u00fa",
    "~",
)
digests = st.sampled_from(("ab" * 16, "AB" * 16, "ab" * 15, "zz" * 16, ""))
separators = st.sampled_from(("  ", " ", "\t", " *", "   ", ""))
names = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
ordinary = st.builds("{}  data/{}".format, digests, names)
odd = st.builds("{}{}{}".format, digests, separators, names)


@given(st.lists(ordinary | odd, max_size=6), st.booleans())
def test_a_block_of_lines_says_what_each_line_says(lines: list[str], legacy: bool) -> None:
    lot = [line.encode() for line in lines]
    together, told = read(lot, legacy, whole=True)
    apart, said = read(lot, legacy, whole=False)
    assert together == apart
    assert told == said


def read(lot: list[bytes], legacy: bool, *, whole: bool) -> tuple[Records, list[str]]:
    name = ManifestName.parse(b"manifest-md5.txt")
    assert name is not None
    findings = Findings()
    findings.legacy = legacy
    parser = Parser(name, legacy=legacy, findings=findings)
    if whole:
        found = list(parser.records([lot]))
    else:
        entries = list(parser.entries(lot))
        paths, values = [path for path, _ in entries], [digest for _, digest in entries]
        filled = b"".join(value.ljust(16, b"\0") for value in values)
        unusable = [path for path, value in entries if not value]
        found = [Records(paths, filled, unusable)]
    told = [f"{finding.code} {finding.subject}" for finding in findings.all()]
    return found[0], told
