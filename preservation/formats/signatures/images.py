"""Images, volumes and their kin: TIFF families, medical imaging, microscopy."""

from __future__ import annotations

import re
import struct

from preservation.formats.sample import OverBudgetError, Sample
from preservation.formats.signatures.local_format import (
    COMPRESSED,
    both,
    magic,
    of_text,
    one_of,
    row,
    says,
    starting,
    words,
)

_TIFF_PUIDS = (
    "fmt/353 fmt/155 fmt/1917 fmt/898 x-fmt/387 x-fmt/388 x-fmt/399 fmt/152 fmt/153 fmt/154 fmt/156"
)
_GEO_KEYS = {33550, 33922, 34264, 34735}
_DESCRIPTION = 270
_MOST_TAGS = 400
_MOST_ICONS = 1000


def tags_of(sample: Sample) -> dict[int, tuple[int, int, bytes]]:
    """Tags of the first image directory: type, count, and the value or its offset; empty if none.

    Source: TIFF 6.0, section 2; BigTIFF design, "the file header".
    """
    big = sample.head[:4] in (b"II+\0", b"MM\0+")
    if not big and sample.head[:4] not in (b"II*\0", b"MM\0*"):
        return {}
    order = "<" if sample.head[:1] == b"I" else ">"
    try:
        start = struct.unpack(
            order + ("Q" if big else "I"), sample.head[8:16] if big else sample.head[4:8]
        )[0]
        count_size, size, shape = (8, 20, order + "HHQ8s") if big else (2, 12, order + "HHI4s")
        counted = struct.unpack(order + ("Q" if big else "H"), sample.at(start, count_size))[0]
        entries = sample.at(start + count_size, min(counted, _MOST_TAGS) * size)
    except (struct.error, OverBudgetError):
        return {}
    whole = len(entries) // size * size
    return {
        tag: (kind, count, value)
        for tag, kind, count, value in struct.iter_unpack(shape, entries[:whole])
    }


@starting(b"\0\0\1\0")
def _is_icon(sample: Sample) -> bool:
    """A directory of images, each of which lies after it and inside the file."""
    count = int.from_bytes(sample.head[4:6], "little")
    entries = sample.head[6 : 6 + 16 * count]
    after = 6 + 16 * count
    return 0 < count <= _MOST_ICONS and all(
        start >= after and size and start + size <= sample.octets
        for size, start in struct.iter_unpack("<8xII", entries[: len(entries) // 16 * 16])
    )


def _is_big(sample: Sample) -> bool:
    return sample.head[:8] in (b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")


@starting(b"II", b"MM")
def _is_geotiff(sample: Sample) -> bool:
    return sample.head[:2] in (b"II", b"MM") and not _GEO_KEYS.isdisjoint(tags_of(sample))


@starting(b"II", b"MM")
def _is_cog(sample: Sample) -> bool:
    return b"LAYOUT=IFDS_BEFORE_DATA" in sample.head[:256] and _is_geotiff(sample)


@starting(b"II", b"MM")
def _is_ome(sample: Sample) -> bool:
    if sample.head[:2] not in (b"II", b"MM") or _DESCRIPTION not in (tags := tags_of(sample)):
        return False
    order = "<" if sample.head[:1] == b"I" else ">"
    value = tags[_DESCRIPTION][2]
    try:
        at = struct.unpack(order + ("Q" if len(value) == 8 else "I"), value)[0]
        return b"<OME " in sample.at(at, 1024)
    except (struct.error, OverBudgetError):
        return False


def _is_analyze(sample: Sample) -> bool:
    head = sample.head
    sized = head[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c")
    return (
        sized
        and head[344:347] not in (b"n+1", b"ni1")
        and len(head) >= 348
        and head[38:39] in b"r\0"
    )


def _is_bare_dicom(sample: Sample) -> bool:
    """A data set without preamble: its first element has a group that comes first, and a form."""
    head = sample.head[:16]
    if len(head) < 16:
        return False
    explicit = head[:4] in (
        b"\x08\0\x05\0",
        b"\x08\0\0\0",
        b"\x02\0\0\0",
        b"\x02\0\x01\0",
        b"\x08\0\x01\0",
        b"\x08\0\x08\0",
        b"\x08\0\x12\0",
        b"\x08\0\x16\0",
        b"\x02\0\x10\0",
        b"\x02\0\x02\0",
    )
    length = struct.unpack("<I", head[4:8])[0]
    return explicit and (head[4:6] in (b"UL", b"CS", b"UI", b"OB", b"DA") or 0 < length <= 64)


def _is_mrc(sample: Sample) -> bool:
    return sample.head[208:212] in (b"MAP ", b"MAP\0") and len(sample.head) >= 1024


def _is_mgh(sample: Sample) -> bool:
    head = sample.head[:284] or b""
    return (
        len(head) >= 284
        and head[:4] == b"\0\0\0\1"
        and 0 < struct.unpack(">i", head[4:8])[0] < 1 << 16
        and (struct.unpack(">i", head[20:24])[0] in (0, 1, 3, 4))
    )


def _is_mpeg_audio(sample: Sample) -> bool:
    """An ID3 tag, or a frame: eleven bits of one, no reserved version, layer, rate."""
    head = sample.head[:4]
    frame = len(head) == 4 and head[0] == 0xFF and head[1] & 0xE6 > 0xE0 and head[2] >> 4 != 15
    return head[:3] == b"ID3" or (frame and head[2] & 0x0C != 0x0C)


def _is_edf(sample: Sample) -> bool:
    return sample.head[:8] == b"0       " and sample.head[184:192].strip().isdigit()


_DICOM = "PS3.10 of the DICOM standard, section 7.1"

ROWS = (
    row(
        "dicom",
        "DICOM (Digital Imaging and Communications in Medicine)",
        "dcm dicom ima dic",
        magic(b"DICM", 128),
        _DICOM,
        mime="application/dicom",
        puid="fmt/574",
    ),
    row(
        "ome-tiff",
        "OME-TIFF",
        "tif tiff ome btf tf8",
        _is_ome,
        "OME-TIFF specification, storage of OME-XML",
        mime="image/tiff",
        parents=_TIFF_PUIDS,
        wrong="fmt/898",
    ),
    row(
        "cog",
        "Cloud Optimized GeoTIFF (COG)",
        "tif tiff",
        _is_cog,
        "OGC 21-026, GDAL ghost area",
        mime="image/tiff; application=geotiff; profile=cloud-optimized",
        parents=_TIFF_PUIDS,
        wrong="fmt/898",
    ),
    row(
        "geotiff",
        "GeoTIFF (Tagged Image File Format)",
        "tif tiff gtiff gtif",
        _is_geotiff,
        "OGC 19-008r4, 7.1.2 GeoKeyDirectoryTag",
        mime="image/tiff; application=geotiff",
        puid="fmt/155",
        parents=_TIFF_PUIDS,
        wrong="fmt/898",
    ),
    row(
        "big-tiff",
        "BigTIFF (Tagged Image File Format)",
        "tif tiff btf tf8 svs ndpi",
        _is_big,
        "BigTIFF design, header",
        mime="image/tiff",
        puid="fmt/1917",
        wrong="fmt/898",
    ),
    row(
        "tiff",
        "Tagged Image File Format (TIFF)",
        "tif tiff tf8 lsm stk dng nef cr2 arw pef sr2 orf rw2 svs scn ndpi qptiff",
        one_of(b"II*\0", b"MM\0*"),
        "TIFF 6.0, section 2",
        mime="image/tiff",
        puid="fmt/353",
    ),
    row(
        "nifti-1",
        "NIfTI-1 (Neuroimaging Informatics Technology Initiative)",
        "nii hdr",
        lambda s: s.head[344:348] in (b"n+1\0", b"ni1\0"),
        "NIfTI-1 data format, magic",
        mime="application/x-nifti",
        version="1",
        parents="fmt/798",
    ),
    row(
        "nifti-2",
        "NIfTI-2 (Neuroimaging Informatics Technology Initiative)",
        "nii hdr",
        lambda s: s.head[4:8] in (b"n+2\0", b"ni2\0"),
        "NIfTI-2 data format, magic",
        mime="application/x-nifti",
        version="2",
        parents="fmt/1094",
    ),
    row(
        "nifti-1-gzip",
        "NIfTI-1, compressed with gzip",
        "gz nii",
        starting(*COMPRESSED)(lambda s: s.inner[344:348] in (b"n+1\0", b"ni1\0")),
        "NIfTI-1 data format, magic",
        mime="application/x-nifti",
        version="1",
        parents="x-fmt/266",
    ),
    row(
        "nifti-2-gzip",
        "NIfTI-2, compressed with gzip",
        "gz nii",
        starting(*COMPRESSED)(lambda s: s.inner[4:8] in (b"n+2\0", b"ni2\0")),
        "NIfTI-2 data format, magic",
        mime="application/x-nifti",
        version="2",
        parents="x-fmt/266",
    ),
    row(
        "analyze-75",
        "Analyze 7.5 header",
        "hdr",
        _is_analyze,
        "ANALYZE 7.5 file format, header_key",
        mime="application/x-analyze",
        parents="fmt/591 fmt/887",
        named=True,
    ),
    row(
        "mgh",
        "FreeSurfer MGH volume",
        "mgh",
        _is_mgh,
        "FreeSurfer, FsTutorial MghFormat",
        mime="application/x-mgh",
        named=True,
    ),
    row(
        "mgh-gzip",
        "FreeSurfer MGH volume, compressed with gzip",
        "mgz gz",
        starting(*COMPRESSED)(lambda s: s.inner[:4] == b"\0\0\0\1" and s.extension == "mgz"),
        "FreeSurfer, FsTutorial MghFormat",
        mime="application/x-mgh",
        parents="x-fmt/266",
    ),
    row(
        "freesurfer-surface",
        "FreeSurfer surface",
        "pial white inflated sphere orig smoothwm curv thickness sulc area",
        one_of(b"\xff\xff\xfe", b"\xff\xff\xff\0\0"),
        "FreeSurfer, surface triangle file",
        mime="application/x-freesurfer",
        named=True,
    ),
    row(
        "gifti-gzip",
        "GIFTI, compressed with gzip",
        "gz",
        starting(*COMPRESSED)(lambda s: b"<GIFTI" in s.inner[:2048]),
        "GIFTI 1.0",
        mime="application/x-gifti",
        parents="x-fmt/266",
    ),
    row(
        "dicom-bare",
        "DICOM data set without preamble",
        "dcm dicom ima dic acr",
        _is_bare_dicom,
        _DICOM,
        mime="application/dicom",
        named=True,
    ),
    row(
        "mrc",
        "MRC/CCP4 density map or image stack",
        "mrc mrcs map ccp4 st rec ali",
        _is_mrc,
        "MRC2014, words 53",
        mime="application/x-mrc",
    ),
    row(
        "nrrd",
        "NRRD (nearly raw raster data)",
        "nrrd nhdr",
        magic(b"NRRD000"),
        "NRRD file format, magic",
        mime="application/x-nrrd",
    ),
    row(
        "metaimage",
        "MetaImage header",
        "mhd mha",
        one_of(b"ObjectType", b"NDims"),
        "MetaIO, ObjectType",
        mime="application/x-metaimage",
        named=True,
    ),
    row(
        "trackvis",
        "TrackVis tracts",
        "trk",
        magic(b"TRACK\0"),
        "TrackVis track file header",
        mime="application/x-trackvis",
    ),
    row(
        "mrtrix-tracks",
        "MRtrix tracts (TCK)",
        "tck",
        magic(b"mrtrix tracks"),
        "MRtrix3, tracks file format",
        mime="application/x-mrtrix",
    ),
    row(
        "mrtrix-image",
        "MRtrix image",
        "mif mih",
        magic(b"mrtrix image"),
        "MRtrix3, image file format",
        mime="application/x-mrtrix",
    ),
    row(
        "par-rec",
        "Philips PAR header",
        "par",
        of_text(
            lambda s: s.head[:512].count(b"#") > 3 and b"DATA DESCRIPTION FILE" in s.head[:512]
        ),
        "Philips PAR/REC, first lines",
        mime="application/x-philips-par",
    ),
    row(
        "afni-head",
        "AFNI HEAD header",
        "head",
        says(r"^type\s*=\s*(string|integer|float)-attribute", hint="-attribute"),
        "AFNI README.attributes",
        mime="application/x-afni",
    ),
    row(
        "edf",
        "European Data Format (EDF, EDF+)",
        "edf rec",
        _is_edf,
        "EDF, header record",
        mime="application/x-edf",
    ),
    row(
        "bdf",
        "BioSemi Data Format (BDF)",
        "bdf",
        magic(b"\xffBIOSEMI"),
        "BDF, header record",
        mime="application/x-bdf",
        parents="fmt/2102",
    ),
    row(
        "brainvision-header",
        "BrainVision header",
        "vhdr vmrk",
        words("Brain"),
        "BrainVision Core Data Format 1.0",
        mime="application/x-brainvision",
        named=True,
    ),
    row(
        "czi",
        "Zeiss CZI",
        "czi",
        magic(b"ZISRAWFILE"),
        "CZI file format, file header segment",
        mime="application/x-czi",
    ),
    row(
        "lif",
        "Leica LIF",
        "lif",
        lambda s: s.head[:4] == b"\x70\0\0\0" and s.head[8:9] == b"*",
        "LIF, memory block",
        mime="application/x-lif",
    ),
    row(
        "dm3",
        "Gatan Digital Micrograph 3",
        "dm3",
        lambda s: s.head[:4] == b"\0\0\0\3" and s.head[8:12] in (b"\0\0\0\0", b"\0\0\0\1"),
        "DM3, header",
        mime="application/x-dm3",
        named=True,
    ),
    row(
        "dm4",
        "Gatan Digital Micrograph 4",
        "dm4",
        lambda s: s.head[:4] == b"\0\0\0\4",
        "DM4, header",
        mime="application/x-dm4",
        named=True,
    ),
    row(
        "ics",
        "Image Cytometry Standard",
        "ics ids",
        says(r"\Aics_version"),
        "ICS 2.0 header",
        mime="application/x-ics",
    ),
    row(
        "wav-big-endian",
        "Waveform audio (WAV), big endian",
        "wav rifx",
        both(magic(b"RIFX"), magic(b"WAVE", 8)),
        "Multimedia Programming Interface 1.0, RIFX",
        mime="audio/x-wav",
    ),
    row(
        "mp3",
        "MPEG 1/2 audio layer 3 (MP3)",
        "mp3 mp2 mpa",
        _is_mpeg_audio,
        "ISO/IEC 11172-3, 2.4.2.3",
        mime="audio/mpeg",
        puid="fmt/134",
        named=True,
    ),
    row("qoi", "Quite OK Image", "qoi", magic(b"qoif"), "QOI specification", mime="image/qoi"),
    row(
        "blp",
        "Blizzard texture (BLP)",
        "blp",
        one_of(b"BLP1", b"BLP2"),
        "BLP header",
        mime="image/x-blp",
    ),
    row(
        "netpbm",
        "Netpbm image (PBM, PGM, PPM, PAM)",
        "pbm pgm ppm pnm pam pfm",
        lambda s: re.match(rb"P[1-7Ff]\s", s.head) is not None,
        "Netpbm formats",
        mime="image/x-portable-anymap",
        named=True,
    ),
    row(
        "icc",
        "ICC colour profile",
        "icc icm",
        magic(b"acsp", 36),
        "ICC.1:2022, 7.2.9",
        mime="application/vnd.iccprofile",
    ),
    row(
        "gimp-palette",
        "GIMP palette",
        "gpl",
        magic(b"GIMP Palette"),
        "GPL header",
        mime="application/x-gimp-palette",
    ),
    row(
        "jpeg-2000-codestream",
        "JPEG 2000 codestream",
        "j2k j2c jpc jph",
        magic(b"\xff\x4f\xff\x51"),
        "ISO/IEC 15444-1, A.4",
        mime="image/x-jp2-codestream",
    ),
    row(
        "jpeg-xl",
        "JPEG XL",
        "jxl",
        one_of(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
        "ISO/IEC 18181",
        mime="image/jxl",
    ),
    row(
        "ico",
        "Windows icon (ICO)",
        "ico",
        _is_icon,
        "Microsoft, ICONDIR and ICONDIRENTRY",
        mime="image/vnd.microsoft.icon",
        puid="x-fmt/418",
        named=True,
    ),
    row(
        "dds",
        "DirectDraw Surface",
        "dds",
        magic(b"DDS \x7c\0\0\0"),
        "DDS_HEADER",
        mime="image/vnd.ms-dds",
    ),
    row(
        "flc",
        "FLIC animation",
        "fli flc",
        lambda s: s.head[4:6] in (b"\x11\xaf", b"\x12\xaf"),
        "FLIC header",
        mime="video/x-flc",
        named=True,
    ),
    row("ftex", "FTEX texture", "ftc ftu", magic(b"FTEX"), "FTEX header", mime="image/x-ftex"),
    row(
        "ole2",
        "OLE2 compound file",
        "ole fpx mic",
        magic(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        "MS-CFB, 2.2",
        mime="application/x-ole-storage",
        puid="fmt/111",
    ),
)
