"""Which looks a file gets, by its first octets and by what it was taken for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from preservation.formats.sample import OverBudgetError, Sample
from preservation.formats.signatures.arrays import hdf5_offset
from preservation.formats.signatures.markup import XML_ROWS
from preservation.formats.structure import (
    archives,
    arrays,
    media,
    pictures,
    records,
    sound,
    texts,
)
from preservation.formats.structure.raw import numbers
from preservation.formats.structure.trouble import Trouble, Troubles, truncated

Look = Callable[[Sample], Troubles]

_STARTS: tuple[tuple[bytes, Look], ...] = (
    (b"\x89PNG\r\n\x1a\n", media.png),
    (b"\xff\xd8\xff", media.jpeg),
    (b"GIF8", media.gif),
    (b"BM", media.bmp),
    (b"RIFF", media.riff),
    (b"FORM", media.iff),
    (b"II*\0", media.tiff),
    (b"MM\0*", media.tiff),
    (b"II+\0", media.tiff),
    (b"MM\0+", media.tiff),
    (b"\0\0\0\x0cjP  ", media.boxes),
    (b"\xff\x4f\xff\x51", media.codestream),
    (b"OggS", sound.ogg),
    (b"fLaC", sound.flac),
    (b"qoif", pictures.qoi),
    (b"\xc5\xd0\xd3\xc6", pictures.dos_eps),
    (b"TRACK\0", records.trackvis),
    (b"%!PS", media.postscript),
    (b"{\\rtf", media.rtf),
    (b"PK\x03\x04", archives.zip_archive),
    (b"\x1f\x8b\x08", archives.gzip_file),
    (b"BZh", archives.bzip2_file),
    (b"\xfd7zXZ\0", archives.xz_file),
    (b"\x28\xb5\x2f\xfd", archives.zstandard),
    (b"7z\xbc\xaf\x27\x1c", archives.seven_zip),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", archives.ole),
    (b"CDF\x01", arrays.netcdf),
    (b"CDF\x02", arrays.netcdf),
    (b"CDF\x05", arrays.netcdf),
    (b"SIMPLE  =", arrays.fits),
    (b"\x93NUMPY", arrays.npy),
    (b"GRIB", arrays.grib),
    (b"BUFR", arrays.bufr),
    (b"PAR1", arrays.parquet),
    (b"PARE", arrays.parquet),
    (b"ARROW1", arrays.arrow),
    (b"FEA1", arrays.feather),
    (b"ORC", arrays.orc),
    (b"Obj\x01", records.avro),
    (b"SQLite format 3\0", arrays.sqlite),
    (b"MATLAB 5.0 MAT-file", arrays.matlab_5),
    (b"root\0", arrays.root),
    (b"LASF", arrays.las),
    (b"\0\0\x27\x0a", records.shapefile),
    (b"<stata_dta>", arrays.stata),
    (b"\0" * 12 + b"\xc2\xea\x81\x60", arrays.sas7bdat),
    (b"HEADER RECORD*******", arrays.xport),
    (b"CRAM", arrays.cram),
    (b"8BPS", media.photoshop),
    (b"icns", pictures.icns),
    (b"\0\0\1\0", pictures.icon),
    (b"\0\0\2\0", pictures.icon),
    (b"DDS ", pictures.dds),
    (b"\0\1\0\0\0", pictures.font),
    (b"OTTO", pictures.font),
    (b"true", pictures.font),
    (b"P4", media.netpbm),
    (b"P5", media.netpbm),
    (b"P6", media.netpbm),
    (b".sff", records.sff),
    (b"ABIF", arrays.abi),
    (b"mrtrix tracks", arrays.tracks),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", media.asf),
    (b"SR\0\4", arrays.idl_save),
)
_BY_OCTET: Mapping[bytes, tuple[tuple[bytes, Look], ...]] = {
    octet: tuple(one for one in _STARTS if one[0][:1] == octet)
    for octet in {start[:1] for start, _ in _STARTS}
}
_BY_ID: Mapping[str, Look] = {
    "samarkand/bam": arrays.bam,
    "samarkand/bcf": arrays.bam,
    "samarkand/bgzf": arrays.bam,
    "samarkand/vtk-xml": media.vtk_xml,
    "samarkand/tabix": arrays.bam,
    "samarkand/vcf-bgzf": arrays.bam,
    "samarkand/spss-portable": arrays.portable,
    "samarkand/mseed": records.mseed,
    "samarkand/sac": arrays.sac,
    "samarkand/segy": arrays.segy,
    "samarkand/mrc": arrays.mrc,
    "samarkand/nifti-1": arrays.nifti,
    "samarkand/nifti-2": arrays.nifti,
    "samarkand/dicom": arrays.dicom,
    "samarkand/tar": archives.tar,
    "samarkand/bigbed": records.big_binary,
    "samarkand/bigwig": records.big_binary,
    "samarkand/snapgene": records.snapgene,
    "samarkand/icc": pictures.icc,
    "samarkand/arrow-stream": records.arrow_stream,
    "samarkand/mp3": sound.mpeg_audio,
    "fmt/134": sound.mpeg_audio,
    "x-fmt/453": pictures.font,
    "fmt/1975": pictures.icc,
    "fmt/1976": pictures.icc,
}
# What a text was taken for: a local id, or PRONOM's.
_TEXTS: Mapping[str, tuple[Look, ...]] = {
    "samarkand/fastq": (texts.fastq,),
    "samarkand/sam": (texts.table,),
    "samarkand/vcf": (texts.table,),
    "samarkand/gff-3": (texts.table,),
    "samarkand/gff": (texts.table,),
    "samarkand/gtf": (texts.table,),
    "samarkand/bed": (texts.table,),
    "samarkand/pdb": (texts.ends_a_line,),
    "samarkand/newick": (texts.newick,),
    "samarkand/phylip": (),
    "samarkand/nexus-tree": (texts.nexus,),
    "samarkand/python": (texts.python,),
    "samarkand/dtd": (texts.declarations,),
    "samarkand/html-fragment": (texts.html,),
    "samarkand/latex": (texts.latex,),
    "samarkand/genbank": (texts.flat,),
    "samarkand/embl": (texts.flat,),
    "samarkand/json-lines": (texts.json_lines,),
    "samarkand/html": (texts.html,),
    "samarkand/toml": (texts.toml,),
    "samarkand/ecsv": (texts.table,),
    "samarkand/c": (texts.brackets,),
    "samarkand/c-header": (texts.brackets,),
    "samarkand/cpp": (texts.brackets,),
    "samarkand/java": (texts.brackets,),
    "samarkand/javascript": (texts.brackets,),
    "samarkand/rust": (texts.brackets,),
    "samarkand/go": (texts.brackets,),
    "samarkand/restructuredtext": (texts.ends_a_line,),
    "samarkand/yaml": (texts.ends_a_line,),
    "samarkand/markdown": (texts.ends_a_line,),
    "samarkand/ini": (texts.ends_a_line,),
    "samarkand/batch": (texts.ends_a_line,),
    "samarkand/tex": (texts.ends_a_line,),
    "samarkand/matlab-source": (texts.ends_a_line,),
    "samarkand/shell": (texts.ends_a_line,),
    "samarkand/turtle": (texts.ends_a_line,),
    "samarkand/n-triples": (texts.ends_a_line,),
    "samarkand/n-quads": (texts.ends_a_line,),
    "samarkand/trig": (texts.ends_a_line,),
    "samarkand/cif": (texts.ends_a_line,),
    "samarkand/mmcif": (texts.ends_a_line,),
    "samarkand/fasta": (texts.ends_a_line,),
    "samarkand/psl": (texts.ends_a_line,),
    "samarkand/clustal": (texts.ends_a_line,),
    "samarkand/fortran": (texts.ends_a_line,),
    "samarkand/vtk-legacy": (texts.ends_a_line,),
    "samarkand/gettext-po": (texts.ends_a_line,),
    "samarkand/maf": (texts.ends_a_line,),
    "samarkand/gfa": (texts.ends_a_line,),
    "samarkand/xyz": (texts.ends_a_line,),
    "samarkand/stockholm": (texts.ends_a_line,),
    "samarkand/mol": (texts.ends_a_line,),
    "samarkand/sdf": (texts.ends_a_line,),
    "samarkand/mol2": (texts.ends_a_line,),
    "samarkand/matrix-market": (texts.ends_a_line,),
    "samarkand/off": (texts.ends_a_line,),
    "samarkand/gmsh": (texts.ends_a_line,),
    "samarkand/julia": (texts.ends_a_line,),
    "samarkand/r-source": (texts.ends_a_line,),
    "samarkand/makefile": (texts.ends_a_line,),
    "samarkand/cmake": (texts.ends_a_line,),
    "samarkand/typescript": (texts.ends_a_line,),
    "samarkand/esri-grid": (texts.ends_a_line,),
    "samarkand/resp": (texts.ends_a_line,),
    "samarkand/mgf": (texts.ends_a_line,),
    "samarkand/wig": (texts.ends_a_line,),
    "samarkand/chain": (texts.ends_a_line,),
    "x-fmt/18": (texts.table,),
    "x-fmt/13": (texts.table,),
}


def inspect(sample: Sample, local: str, puid: str) -> tuple[Trouble, ...]:
    """Everything that the looks find; nothing where there is none, or it would cost too much.

    Args:
        local, puid: what the file was taken for.

    Raises:
        OSError: the medium failed.
    """
    looks = _looks_at_text(sample, local, puid) if sample.text is not None else []
    if local != "samarkand/dicom":  # whose preamble may look like anything
        starts = _BY_OCTET.get(sample.head[:1], ())
        looks += [look for start, look in starts if sample.head.startswith(start)]
    told = (_BY_ID[one] for one in (local, puid) if one in _BY_ID)
    looks += [look for look in dict.fromkeys(told) if look not in looks]
    if b"%PDF-" in sample.head[:1024]:
        looks.append(media.pdf)
    elif sample.head[4:8] == b"ftyp":
        looks.append(media.boxes)
    elif not looks and hdf5_offset(sample) >= 0:
        looks.append(arrays.hdf5)
    elif sample.extension == "dbf":
        looks.append(records.dbase)
    found: list[Trouble] = []
    for look in (*looks, lambda taken: numbers(taken, local)):
        found += _tried(look, sample)
    return tuple(found)


def is_container(sample: Sample) -> bool:
    """Whether it begins as a container, whose parts lie anywhere in the file."""
    return _container(sample) is not None


def is_whole(sample: Sample) -> bool:
    """Whether a container is in one piece."""
    look = _container(sample)
    return look is not None and not _tried(look, sample)


def _container(sample: Sample) -> Look | None:
    return next((look for start, look in _CONTAINERS if sample.head.startswith(start)), None)


_CONTAINERS = (
    (b"PK\x03\x04", archives.zip_archive),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", archives.ole),
)


def _tried(look: Look, sample: Sample) -> list[Trouble]:
    try:
        return list(look(sample))
    except (struct.error, IndexError):
        return [truncated("it ends within its header")] if sample.whole is not None else []
    except (OverBudgetError, ValueError, KeyError, ArithmeticError):
        return []


def _looks_at_text(sample: Sample, local: str, puid: str) -> list[Look]:
    looks: list[Look] = [texts.characters]
    special = _TEXTS.get(local, _TEXTS.get(puid))
    if special is not None:
        return [*looks, *special]
    if sample.start.startswith("<") and (local in XML_ROWS or sample.start.startswith("<?xml")):
        return [*looks, texts.xml]
    if sample.start[:1] in ("{", "[") and (sample.extension == "json" or local.startswith(_JSONS)):
        return [*looks, texts.json_text]
    return [*looks, texts.stops]


_JSONS = tuple(
    f"samarkand/{name}"
    for name in (
        "json",
        "jupyter",
        "ro-crate",
        "geojson",
        "topojson",
        "stac",
        "gltf",
        "sparql-results-json",
        "avro-schema",
    )
)
