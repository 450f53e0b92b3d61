"""What the files of the life sciences look like: the tests of the rows in ``biology``."""

from __future__ import annotations

import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    Test,
    beginning,
    both,
    of_text,
    starting,
)

_RESIDUES = re.compile(r"[A-Za-z*\-.~ \t0-9]+")
_CIGAR = re.compile(r"\*|(\d+[MIDNSHPX=])+")
_SAM_HEADER = re.compile(r"@(HD\tVN:|SQ\tSN:|RG\tID:|PG\tID:|CO\t)")


@starting(b"\x1f\x8b\x08\x04")
def is_bgzf(sample: Sample) -> bool:
    """A gzip whose first extra field is that of the blocks of BGZF."""
    return sample.head[:4] == b"\x1f\x8b\x08\x04" and sample.head[12:16] == b"BC\x02\x00"


def bgzf(test: Test) -> Test:
    """A test of what is inside of BGZF."""
    return both(is_bgzf, test)


@of_text
def is_sam(sample: Sample) -> bool:
    """A header with known record types, or rows of eleven fields with flag, position and CIGAR."""
    if sample.text is None:
        return False
    if _SAM_HEADER.match(sample.start):
        return True
    rows = sample.cells[:5]
    return bool(rows) and all(
        len(row) >= 11 and row[1].isdigit() and row[3].isdigit() and _CIGAR.fullmatch(row[5])
        for row in rows
    )


@beginning(">;")
def is_fasta(sample: Sample) -> bool:
    """``>`` and a name, then residues; comments of old begin with ``;``."""
    lines = [line for line in sample.lines if line.strip() and not line.startswith(";")][:400]
    if not lines or not lines[0].startswith(">") or lines[0].startswith(">>"):
        return False
    rest = [line for line in lines[1:] if not line.startswith(">")]
    return (not rest and sample.octets > 1) or (
        bool(rest) and all(_RESIDUES.fullmatch(line.strip()) for line in rest[:200])
    )


@beginning("@")
def is_fastq(sample: Sample) -> bool:
    """``@`` name, residues, ``+``, qualities of the same length; also over several lines."""
    lines = sample.lines[:4000]
    if len(lines) < 4 or not lines[0].startswith("@"):
        return False
    at, read = 1, 0
    while at < len(lines) and not lines[at].startswith("+"):
        if not _RESIDUES.fullmatch(lines[at].strip() or "N"):
            return False
        read += len(lines[at].strip())
        at += 1
    return (
        at < len(lines)
        and at + 1 < len(lines)
        and (read == 0 or 0 < len(lines[at + 1].strip()) <= read)
    )


def _fields(cells: list[list[str]], least: int, numbers: tuple[int, ...]) -> bool:
    """Rows of so many fields, with whole numbers at these places."""
    rows = [row for row in cells if not row[0].startswith(("track", "browser"))]
    return bool(rows) and all(
        len(row) >= least
        and all(row[at].strip().lstrip("-").isdigit() for at in numbers)
        and (least < 8 or row[6].strip() in ("+", "-", ".", "?"))
        for row in rows
    )


@of_text
def is_gff3(sample: Sample) -> bool:
    """The version line, or rows of nine fields with attributes."""
    if sample.start.startswith("##gff-version 3") or sample.start.startswith("##gff-version\t3"):
        return True
    return (
        _fields(sample.cells, 9, (3, 4))
        and "=" in sample.start
        and sample.extension in ("gff3", "gff")
    )


@of_text
def is_gtf(sample: Sample) -> bool:
    """Rows of nine fields with the attributes of GTF."""
    return (
        _fields(sample.cells, 9, (3, 4))
        and re.search(r'(gene_id|transcript_id) "', sample.start) is not None
    )


@of_text
def is_gff(sample: Sample) -> bool:
    """The version line, or rows of eight fields or more with start and end."""
    return sample.start.startswith("##gff-version") or _fields(sample.cells, 8, (3, 4))


@of_text
def is_pdb(sample: Sample) -> bool:
    """Record names in columns 1 to 6, of which one at least is of coordinates or of the title."""
    names = [line[:6].rstrip() for line in sample.lines[:300] if line.strip()]
    if _PDB_CORE.isdisjoint(names):
        return False
    known = sum(
        name in _PDB_RECORDS or name.startswith(("ORIGX", "SCALE", "MTRIX")) for name in names
    )
    return known >= 0.9 * len(names)


_PDB_CORE = frozenset(["ATOM", "HETATM", "HEADER", "CRYST1", "SEQRES", "REMARK", "MODEL"])
_PDB_RECORDS = frozenset(
    [
        "HEADER",
        "OBSLTE",
        "TITLE",
        "SPLIT",
        "CAVEAT",
        "COMPND",
        "SOURCE",
        "KEYWDS",
        "EXPDTA",
        "NUMMDL",
        "MDLTYP",
        "AUTHOR",
        "REVDAT",
        "SPRSDE",
        "JRNL",
        "REMARK",
        "DBREF",
        "DBREF1",
        "DBREF2",
        "SEQADV",
        "SEQRES",
        "MODRES",
        "HET",
        "HETNAM",
        "HETSYN",
        "FORMUL",
        "HELIX",
        "SHEET",
        "TURN",
        "SSBOND",
        "LINK",
        "LINKR",
        "CISPEP",
        "SITE",
        "CRYST1",
        "MODEL",
        "ATOM",
        "ANISOU",
        "SIGATM",
        "SIGUIJ",
        "TER",
        "HETATM",
        "ENDMDL",
        "CONECT",
        "MASTER",
        "END",
        "HYDBND",
        "SLTBRG",
        "FTNOTE",
        "TVECT",
        "USER",
    ]
)


@of_text
def is_cif(sample: Sample) -> bool:
    """A data or global block at the start of a line."""
    return re.search(
        r"^(data_|global_)\S*", sample.prose, re.MULTILINE | re.IGNORECASE
    ) is not None and (
        re.search(r"^\s*(_[A-Za-z]\S*|loop_)", sample.prose, re.MULTILINE | re.IGNORECASE)
        is not None
    )


@of_text
def is_mmcif(sample: Sample) -> bool:
    """CIF with the categories of the Protein Data Bank's dictionary."""
    return (
        is_cif(sample)
        and re.search(
            r"^_(atom_site|entry|entity|struct|chem_comp|cell|audit_\w+|database_\w+|pdbx\w*|item|dictionary|refln|citation)\.",
            sample.prose,
            re.MULTILINE,
        )
        is not None
    )


@of_text
def is_clustal(sample: Sample) -> bool:
    """The name of a program that writes alignments so."""
    return re.match(r"(CLUSTAL|MUSCLE|PROBCONS|MSAPROBS|Kalign)\b", sample.start) is not None


@of_text
def is_phylip(sample: Sample) -> bool:
    """Numbers of taxa and of sites, alone on the first line; then names with sequences."""
    if not sample.start[:1].isdigit():
        return False
    lines = [line for line in sample.lines if line.strip()]
    found = re.fullmatch(r"\s*(\d+)\s+(\d+)(\s+[A-Z]+)*\s*", lines[0]) if lines else None
    return (
        found is not None
        and len(lines) > 1
        and re.match(r"\s*\S+.*[A-Za-z?\-.]", lines[1]) is not None
        and (
            sample.extension in ("phy", "phylip", "ph")
            or (
                int(found[1]) < 10000
                and re.match(r"\S{1,10}\s+[ACGTNacgtn?\-. ]+$", lines[1]) is not None
            )
        )
    )


@beginning("(")
def is_newick(sample: Sample) -> bool:
    """Parentheses that open at once, hold names and lengths, and end with a semicolon."""
    text = sample.start.rstrip()
    if not text.startswith("(") or re.search(r'[{}=<>\\"]|\w\(', text[:2000]):
        return False
    whole = sample.octets <= len(sample.head)
    return "," in text and ")" in text and (not whole or text.endswith(";"))


@of_text
def is_genbank(sample: Sample) -> bool:
    """A LOCUS line."""
    return (
        "LOCUS" in sample.prose
        and re.search(r"^LOCUS {3,}\S+", sample.prose, re.MULTILINE) is not None
    )


@of_text
def is_bed(sample: Sample) -> bool:
    """Rows with start and end, under the name of BED."""
    return sample.extension == "bed" and _fields([line.split() for line in sample.told], 3, (1, 2))
