"""The life sciences: sequences, alignments, variants, structures, mass spectra, phylogenies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    Test,
    both,
    first_line,
    inner,
    magic,
    of_text,
    one_of,
    row,
    says,
    starting,
    words,
)

_GZIP = "x-fmt/266"
_SAM_SPEC = "SAM/BAM specification 1.6 (hts-specs)"
_RESIDUES = re.compile(r"[A-Za-z*\-.~ \t0-9]+")
_CIGAR = re.compile(r"\*|(\d+[MIDNSHPX=])+")
_SAM_HEADER = re.compile(r"@(HD\tVN:|SQ\tSN:|RG\tID:|PG\tID:|CO\t)")


def _some(lines: Iterable[str], most: int = 60) -> list[str]:
    """The first lines that are neither blank nor comments."""
    found: list[str] = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            found.append(line)
            if len(found) == most:
                break
    return found


@starting(b"\x1f\x8b\x08\x04")
def _is_bgzf(sample: Sample) -> bool:
    return sample.head[:4] == b"\x1f\x8b\x08\x04" and sample.head[12:16] == b"BC\x02\x00"


def _bgzf(test: Test) -> Test:
    return both(_is_bgzf, test)


@of_text
def _is_sam(sample: Sample) -> bool:
    """A header with known record types, or rows of eleven fields with flag, position and CIGAR."""
    if sample.text is None:
        return False
    if _SAM_HEADER.match(sample.start):
        return True
    rows = [line.split("\t") for line in _some(sample.lines, 5)]
    return bool(rows) and all(
        len(row) >= 11 and row[1].isdigit() and row[3].isdigit() and _CIGAR.fullmatch(row[5])
        for row in rows
    )


@of_text
def _is_fasta(sample: Sample) -> bool:
    """``>`` and a name, then residues; comments of old begin with ``;``."""
    lines = [line for line in sample.lines if line.strip() and not line.startswith(";")][:400]
    if not lines or not lines[0].startswith(">") or lines[0].startswith(">>"):
        return False
    rest = [line for line in lines[1:] if not line.startswith(">")]
    return (not rest and sample.octets > 1) or (
        bool(rest) and all(_RESIDUES.fullmatch(line.strip()) for line in rest[:200])
    )


@of_text
def _is_fastq(sample: Sample) -> bool:
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


def _fields(sample: Sample, least: int, numbers: tuple[int, ...], split: str | None = "\t") -> bool:
    """Rows of so many fields, with whole numbers at these places."""
    rows = [
        line.split(split)
        for line in _some(sample.lines)
        if not line.startswith(("track", "browser"))
    ]
    return bool(rows) and all(
        len(row) >= least
        and all(row[at].strip().lstrip("-").isdigit() for at in numbers)
        and (least < 8 or row[6].strip() in ("+", "-", ".", "?"))
        for row in rows
    )


@of_text
def _is_gff3(sample: Sample) -> bool:
    if sample.start.startswith("##gff-version 3") or sample.start.startswith("##gff-version\t3"):
        return True
    return (
        _fields(sample, 9, (3, 4)) and "=" in sample.start and sample.extension in ("gff3", "gff")
    )


@of_text
def _is_gtf(sample: Sample) -> bool:
    return (
        _fields(sample, 9, (3, 4))
        and re.search(r'(gene_id|transcript_id) "', sample.start) is not None
    )


@of_text
def _is_gff(sample: Sample) -> bool:
    return sample.start.startswith("##gff-version") or _fields(sample, 8, (3, 4))


@of_text
def _is_pdb(sample: Sample) -> bool:
    """Record names in columns 1 to 6, of which one at least is of coordinates or of the title."""
    names = [line[:6].rstrip() for line in sample.lines[:300] if line.strip()]
    if not names:
        return False
    known = sum(
        name in _PDB_RECORDS or name.startswith(("ORIGX", "SCALE", "MTRIX")) for name in names
    )
    core = {"ATOM", "HETATM", "HEADER", "CRYST1", "SEQRES", "REMARK", "MODEL"} & set(names)
    return known >= 0.9 * len(names) and bool(core)


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
def _is_cif(sample: Sample) -> bool:
    return re.search(
        r"^(data_|global_)\S*", sample.prose, re.MULTILINE | re.IGNORECASE
    ) is not None and (
        re.search(r"^\s*(_[A-Za-z]\S*|loop_)", sample.prose, re.MULTILINE | re.IGNORECASE)
        is not None
    )


@of_text
def _is_mmcif(sample: Sample) -> bool:
    return (
        _is_cif(sample)
        and re.search(
            r"^_(atom_site|entry|entity|struct|chem_comp|cell|audit_\w+|database_\w+|pdbx\w*|item|dictionary|refln|citation)\.",
            sample.prose,
            re.MULTILINE,
        )
        is not None
    )


def _is_star(sample: Sample) -> bool:
    return re.search(r"^save_\w+", sample.prose, re.MULTILINE) is not None and _is_cif(sample)


@of_text
def _is_clustal(sample: Sample) -> bool:
    return re.match(r"(CLUSTAL|MUSCLE|PROBCONS|MSAPROBS|Kalign)\b", sample.start) is not None


@of_text
def _is_phylip(sample: Sample) -> bool:
    """Numbers of taxa and of sites, alone on the first line; then names with sequences."""
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


@of_text
def _is_newick(sample: Sample) -> bool:
    """Parentheses that open at once, hold names and lengths, and end with a semicolon."""
    text = sample.start.rstrip()
    if not text.startswith("(") or re.search(r'[{}=<>\\"]|\w\(', text[:2000]):
        return False
    whole = sample.octets <= len(sample.head)
    return "," in text and ")" in text and (not whole or text.endswith(";"))


@of_text
def _is_genbank(sample: Sample) -> bool:
    return (
        "LOCUS" in sample.prose
        and re.search(r"^LOCUS {3,}\S+", sample.prose, re.MULTILINE) is not None
    )


@of_text
def _is_bed(sample: Sample) -> bool:
    return sample.extension == "bed" and _fields(sample, 3, (1, 2), None)


def _vcf(version: str) -> Test:
    return words("##fileformat=VCFv" + version)


ROWS = (
    row(
        "bam",
        "BAM (Binary Alignment/Map)",
        "bam",
        _bgzf(inner(b"BAM\1")),
        _SAM_SPEC + ", 4.2",
        mime="application/vnd.ga4gh.bam",
        parents=_GZIP,
    ),
    row(
        "bcf",
        "BCF (Binary variant Call Format)",
        "bcf",
        _bgzf(inner(b"BCF\2", b"BCF\4")),
        "VCF specification 4.3, 6 (hts-specs)",
        mime="application/vnd.ga4gh.bcf",
        parents=_GZIP,
    ),
    row(
        "tabix",
        "Tabix index",
        "tbi",
        _bgzf(inner(b"TBI\1")),
        "The Tabix index file format (hts-specs)",
        mime="application/x-tabix",
        parents=_GZIP,
    ),
    row(
        "csi",
        "CSI index",
        "csi",
        _bgzf(inner(b"CSI\1")),
        "Coordinate sorted index (hts-specs)",
        mime="application/x-csi",
        parents=_GZIP,
    ),
    row(
        "vcf-bgzf",
        "VCF (Variant Call Format), compressed with BGZF",
        "gz vcf bgz",
        both(lambda s: s.head[:2] == b"\x1f\x8b", inner(b"##fileformat=VCF")),
        "VCF specification 4.3 (hts-specs)",
        mime="application/gzip",
        parents=_GZIP,
    ),
    row(
        "bgzf",
        "BGZF (Blocked GNU Zip Format)",
        "gz bgz bgzf",
        _is_bgzf,
        _SAM_SPEC + ", 4.1",
        mime="application/gzip",
        parents=_GZIP,
    ),
    row(
        "bam-index",
        "BAI (BAM index)",
        "bai",
        magic(b"BAI\1"),
        _SAM_SPEC + ", 5.2",
        mime="application/x-bai",
    ),
    row(
        "cram",
        "CRAM (compressed alignments)",
        "cram",
        magic(b"CRAM"),
        "CRAM format specification 3.1, 6 (hts-specs)",
        mime="application/vnd.ga4gh.cram",
        parents="fmt/909 fmt/910 fmt/911",
    ),
    row(
        "cram-index",
        "CRAI (CRAM index)",
        "crai",
        both(lambda s: s.extension == "crai", lambda s: s.head[:2] == b"\x1f\x8b"),
        "CRAM index (hts-specs)",
        mime="application/x-crai",
        parents=_GZIP,
    ),
    row(
        "sam",
        "SAM (Sequence Alignment/Map)",
        "sam txt",
        _is_sam,
        _SAM_SPEC + ", 1.3 and 1.4",
        mime="text/x-sam",
        wrong="x-fmt/191",
    ),
    row(
        "vcf",
        "VCF (Variant Call Format)",
        "vcf txt",
        words("##fileformat=VCF"),
        "VCF specification 4.3, 1.2 (hts-specs)",
        mime="text/x-vcf",
        parents="fmt/905 fmt/906 fmt/907 fmt/908 fmt/1879 fmt/1880",
    ),
    row(
        "gvf",
        "GVF (Genome Variation Format)",
        "gvf",
        words("##gvf-version"),
        "GVF 1.10",
        mime="text/x-gvf",
    ),
    row(
        "fastq",
        "FASTQ",
        "fastq fq txt qual",
        _is_fastq,
        "Cock et al. 2010, doi:10.1093/nar/gkp1137",
        mime="text/x-fastq",
        puid="fmt/2118",
    ),
    row(
        "gff-3",
        "GFF3 (Generic Feature Format 3)",
        "gff gff3 txt",
        _is_gff3,
        "GFF3 specification 1.26",
        mime="text/x-gff3",
        version="3",
    ),
    row(
        "gtf",
        "GTF (Gene Transfer Format)",
        "gtf gff gff2 txt",
        _is_gtf,
        "GTF 2.2",
        mime="text/x-gtf",
    ),
    row(
        "gff",
        "GFF (General Feature Format)",
        "gff gff2 gff1 txt",
        _is_gff,
        "GFF 2",
        mime="text/x-gff",
    ),
    row(
        "pir",
        "PIR/NBRF sequence",
        "pir ali nbrf",
        first_line(r">(P1|F1|DL|DC|RL|RC|N1|N3|XX);"),
        "NBRF-PIR format",
        mime="text/x-pir",
    ),
    row(
        "fasta-quality",
        "FASTA qualities (QUAL)",
        "qual",
        both(words(">"), says(r"^\d+(\s+\d+)+\s*$")),
        "Phred QUAL",
        mime="text/x-qual",
        named=True,
    ),
    row(
        "fasta",
        "FASTA",
        "fasta fa fna faa ffn frn fas fsa seq a2m a3m afa afasta mfa aln txt pro nu pep aa fst",
        both(lambda s: s.start[:1] in (">", ";"), _is_fasta),
        "NCBI, FASTA definition lines",
        mime="text/x-fasta",
    ),
    row(
        "genbank",
        "GenBank flat file",
        "gb gbk gbff genbank gp gpept gbs txt gen",
        _is_genbank,
        "GenBank release notes, 3.4",
        mime="text/x-genbank",
        puid="fmt/1770",
    ),
    row(
        "embl",
        "EMBL / UniProt flat file",
        "embl txt dat swiss sp ebi",
        both(first_line(r"ID   \S"), says(r"^(XX|AC   |DE   |SQ   )")),
        "EMBL user manual, 3.1",
        mime="text/x-embl",
    ),
    row(
        "mmcif",
        "mmCIF (PDBx/macromolecular CIF)",
        "cif mmcif mcif pdbx bcif ent",
        _is_mmcif,
        "PDBx/mmCIF dictionary; IUCr CIF 1.1",
        mime="chemical/x-mmcif",
    ),
    row(
        "cif",
        "CIF (Crystallographic Information File)",
        "cif fcf hkl mcif dic txt",
        _is_cif,
        "IUCr CIF 1.1, syntax",
        mime="chemical/x-cif",
    ),
    row(
        "pdb",
        "PDB (Protein Data Bank format)",
        "pdb ent pdb1 brk pqr txt",
        _is_pdb,
        "PDB Contents Guide 3.30",
        mime="chemical/x-pdb",
        puid="fmt/2009",
        wrong="fmt/1618",
    ),
    row(
        "stockholm",
        "Stockholm alignment",
        "sto stk sth stockholm",
        words("# STOCKHOLM"),
        "Stockholm 1.0",
        mime="text/x-stockholm",
    ),
    row(
        "clustal",
        "Clustal alignment",
        "aln clustal clw clustalw txt",
        _is_clustal,
        "Clustal W, output",
        mime="text/x-clustal",
    ),
    row(
        "nexus-tree",
        "NEXUS (phylogenetics)",
        "nex nexus nxs tre trees tree con txt",
        first_line("#NEXUS", re.IGNORECASE),
        "Maddison et al. 1997, doi:10.1093/sysbio/46.4.590",
        mime="text/x-nexus",
    ),
    row(
        "phylip",
        "PHYLIP",
        "phy phylip ph txt",
        _is_phylip,
        "PHYLIP, sequence formats",
        mime="text/x-phylip",
    ),
    row(
        "newick",
        "Newick tree",
        "nwk newick tree tre nhx treefile new dnd txt trees nw",
        _is_newick,
        "Newick tree format, Felsenstein",
        mime="text/x-nh",
    ),
    row(
        "bed",
        "BED (Browser Extensible Data)",
        "bed",
        _is_bed,
        "BED v1 (hts-specs)",
        mime="text/x-bed",
    ),
    row(
        "maf",
        "MAF (multiple alignment format)",
        "maf",
        says(r"^##maf "),
        "UCSC, MAF format",
        mime="text/x-maf",
    ),
    row(
        "wig",
        "WIG / bedGraph track",
        "wig bedgraph bg bdg",
        first_line(r"(track|browser|variableStep|fixedStep)\b"),
        "UCSC, wiggle format",
        mime="text/x-wig",
    ),
    row(
        "psl",
        "PSL (BLAT alignments)",
        "psl pslx",
        first_line(r"psLayout|\d+\t\d+\t\d+\t\d+\t\d+\t\d+\t\d+\t\d+\t[+-]"),
        "UCSC, PSL format",
        mime="text/x-psl",
    ),
    row(
        "chain",
        "UCSC chain",
        "chain over",
        first_line(r"(#.*\n)*chain\s+\d+\s"),
        "UCSC, chain format",
        mime="text/x-chain",
    ),
    row(
        "gfa",
        "GFA (Graphical Fragment Assembly)",
        "gfa gfa1 gfa2",
        says(r"\A(#.*\n)*(H\tVN:Z:|S\t\S+\t)"),
        "GFA 1.0",
        mime="text/x-gfa",
        named=True,
    ),
    row(
        "abi",
        "ABI trace (AB1)",
        "ab1 abi abif fsa",
        magic(b"ABIF"),
        "ABIF, header",
        mime="application/x-abif",
    ),
    row(
        "scf",
        "SCF trace",
        "scf",
        magic(b".scf"),
        "SCF 3.10, header",
        mime="application/x-scf",
        puid="fmt/1554",
    ),
    row(
        "ztr",
        "ZTR trace",
        "ztr",
        magic(b"\xaeZTR\r\n\x1a\n"),
        "ZTR 1.2, header",
        mime="application/x-ztr",
    ),
    row(
        "sff",
        "SFF (Standard Flowgram Format)",
        "sff",
        magic(b".sff\0\0\0\1"),
        "SFF, common header section",
        mime="application/x-sff",
    ),
    row(
        "2bit",
        "UCSC 2bit",
        "2bit",
        one_of(b"\x1a\x41\x27\x43", b"\x43\x27\x41\x1a"),
        "UCSC, .2bit format",
        mime="application/x-2bit",
    ),
    row(
        "nib",
        "UCSC nib",
        "nib",
        one_of(b"\x6b\xe9\x3d\x3a", b"\x3a\x3d\xe9\x6b"),
        "UCSC, .nib format",
        mime="application/x-nib",
    ),
    row(
        "bigbed",
        "bigBed",
        "bb bigbed",
        one_of(b"\xeb\xf2\x89\x87", b"\x87\x89\xf2\xeb"),
        "Kent et al. 2010, supplement",
        mime="application/x-bigbed",
    ),
    row(
        "bigwig",
        "bigWig",
        "bw bigwig",
        one_of(b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26"),
        "Kent et al. 2010, supplement",
        mime="application/x-bigwig",
    ),
    row(
        "snapgene",
        "SnapGene DNA",
        "dna",
        lambda s: s.head[5:13] == b"SnapGene",
        "SnapGene, cookie segment",
        mime="application/x-snapgene",
    ),
    row(
        "xdna",
        "DNA Strider / Serial Cloner XDNA",
        "xdna xprt xpk",
        lambda s: (
            len(s.head) >= 112 and s.head[:1] == b"\0" and s.head[1] <= 4 and s.extension == "xdna"
        ),
        "DNA Strider, header",
        mime="application/x-xdna",
    ),
    row(
        "gck",
        "Gene Construction Kit",
        "gck gcc cc1",
        lambda s: s.extension in ("gck", "gcc", "cc1"),
        "GCK",
        mime="application/x-gck",
        named=True,
    ),
    row(
        "fcs",
        "FCS (Flow Cytometry Standard)",
        "fcs lmd",
        first_line(r"FCS[23]\.\d"),
        "ISAC FCS 3.1, 3.1 HEADER",
        mime="application/vnd.isac.fcs",
        puid="fmt/1737",
    ),
    row(
        "cel-3",
        "Affymetrix CEL, version 3",
        "cel",
        magic(b"[CEL]"),
        "Affymetrix CEL file format",
        mime="text/x-cel",
    ),
    row(
        "cel-4",
        "Affymetrix CEL, version 4",
        "cel",
        magic(b"\x40\0\0\0\4\0\0\0"),
        "Affymetrix CEL file format",
        mime="application/x-cel",
    ),
    row(
        "plink-bed",
        "PLINK binary genotypes (BED)",
        "bed",
        one_of(b"\x6c\x1b\x01", b"\x6c\x1b\x00"),
        "PLINK 1.9, .bed",
        mime="application/x-plink-bed",
    ),
    row(
        "mgf",
        "MGF (Mascot Generic Format)",
        "mgf",
        says(r"^BEGIN IONS", hint="BEGIN IONS"),
        "Mascot, data file format",
        mime="text/x-mgf",
    ),
    row(
        "thermo-raw",
        "Thermo RAW mass spectra",
        "raw",
        magic(b"\x01\xa1F\0i\0n\0n\0i\0g\0a\0n\0"),
        "Finnigan signature",
        mime="application/x-thermo-raw",
    ),
    row(
        "hhr",
        "HH-suite result (HHR)",
        "hhr",
        first_line(r"Query\s+\S"),
        "HH-suite user guide",
        mime="text/x-hhr",
        named=True,
    ),
    row(
        "dssp",
        "DSSP",
        "dssp",
        says("SECONDARY", hint="SECONDARY STRUCTURE DEFINITION"),
        "DSSP, header",
        mime="text/x-dssp",
    ),
    row(
        "mmtf",
        "MMTF (Macromolecular Transmission Format)",
        "mmtf",
        lambda s: b"mmtfVersion" in s.head[:4096],
        "MMTF specification",
        mime="application/x-mmtf",
    ),
    row(
        "meme",
        "MEME motif",
        "meme txt",
        says(r"^(MEME version|\s*MEME - Motif discovery tool)", hint="MEME"),
        "MEME, minimal motif format",
        mime="text/x-meme",
    ),
    row(
        "hmmer",
        "HMMER profile",
        "hmm",
        first_line(r"HMMER[23]"),
        "HMMER user guide, profile file",
        mime="text/x-hmmer",
    ),
    row("obo", "OBO ontology", "obo", first_line(r"format-version:"), "OBO 1.4", mime="text/obo"),
    row(
        "autosql",
        "AutoSql definition",
        "as",
        first_line(r"(simple|object|table)\s+\w+"),
        "Kent, AutoSql",
        mime="text/x-autosql",
        named=True,
    ),
    row(
        "phred-phd",
        "PHD base calls",
        "phd 1",
        says(r"\A\s*BEGIN_SEQUENCE"),
        "Phred, PHD file",
        mime="text/x-phd",
    ),
    row(
        "ace",
        "ACE assembly",
        "ace",
        first_line(r"AS\s+\d+\s+\d+"),
        "Consed, ACE file format",
        mime="text/x-ace",
    ),
    row(
        "xmfa",
        "XMFA alignment (Mauve)",
        "xmfa",
        words("#FormatVersion Mauve"),
        "Mauve, XMFA",
        mime="text/x-xmfa",
    ),
    row(
        "msf",
        "GCG MSF alignment",
        "msf",
        says(r"MSF:\s+\d+\s+Type:"),
        "GCG, MSF",
        mime="text/x-msf",
    ),
    row(
        "blast-output",
        "BLAST report",
        "txt out blast bt",
        first_line(r"(T?BLAST[NPX]|PSIBLAST|RPSBLAST|DELTABLAST)\S*\s+\d"),
        "NCBI BLAST+, pairwise report",
        mime="text/plain",
    ),
)
