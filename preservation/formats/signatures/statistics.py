"""Files of statistics packages: Stata, SPSS, SAS."""

from __future__ import annotations

import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import both, magic, one_of, row

_SAS7BDAT = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")


def _is_old_stata(sample: Sample) -> bool:
    """Release, order of octets, file type 1, a null; the release tells which Stata wrote it."""
    head = sample.head[:4]
    return (
        len(head) == 4
        and head[0] in (102, 103, 104, 105, 108, 110, 111, 112, 113, 114, 115)
        and head[1] in (1, 2)
        and head[2] == 1
    )


def _is_stata(sample: Sample) -> bool:
    return (
        re.match(rb"<stata_dta><header><release>1(17|18|19|20|21)</release>", sample.head)
        is not None
    )


_STATA_PUIDS = "fmt/1029 fmt/1030 fmt/1031 fmt/1032 fmt/1033 fmt/1034"
_STATA = "application/x-stata-dta"
_SAS = "application/x-sas-data"
_XPORT = b"HEADER RECORD*******LIB"

ROWS = (
    row(
        "stata",
        "Stata data (DTA)",
        "dta",
        _is_stata,
        "Stata manual, file format dta 117 to 121",
        mime=_STATA,
        parents=_STATA_PUIDS,
    ),
    row(
        "stata-old",
        "Stata data (DTA), release 115 or before",
        "dta",
        _is_old_stata,
        "Stata manual, file format dta 115",
        named=True,
        mime=_STATA,
        parents=_STATA_PUIDS,
    ),
    row(
        "spss-zsav",
        "SPSS data, compressed (ZSAV)",
        "zsav sav",
        magic(b"$FL3"),
        "PSPP, system file format, file header",
        mime="application/x-spss-sav",
    ),
    row(
        "spss-sav",
        "SPSS data (SAV)",
        "sav",
        magic(b"$FL2"),
        "PSPP, system file format, file header",
        mime="application/x-spss-sav",
        puid="fmt/638",
    ),
    row(
        "spss-portable",
        "SPSS portable (POR)",
        "por",
        lambda s: (
            b"SPSSPORT" in s.head[:1024].replace(b"\r", b"").replace(b"\n", b"")
            or b"\xe2\xd7\xe2\xe2\xd7\xd6\xd9\xe3" in s.head[:512]
        ),
        "PSPP, portable file format, header",
        mime="application/x-spss-por",
        puid="fmt/997",
    ),
    row(
        "sas7bdat",
        "SAS data set (SAS7BDAT)",
        "sas7bdat sd7",
        magic(_SAS7BDAT),
        "SAS7BDAT database binary format, magic number",
        mime=_SAS,
        parents="fmt/607 fmt/608",
    ),
    row(
        "sas7bcat",
        "SAS catalogue (SAS7BCAT)",
        "sas7bcat",
        both(lambda s: s.extension == "sas7bcat", magic(_SAS7BDAT[:12])),
        "SAS7BDAT database binary format",
        mime=_SAS,
        parents="fmt/607 fmt/608",
    ),
    row(
        "sas-xport-8",
        "SAS transport file, version 8 (XPORT)",
        "xpt xport stx v8xpt",
        magic(_XPORT + b"V8"),
        "Record layout of a SAS version 8 data set in transport format",
        mime="application/x-sas-xport",
        version="8",
    ),
    row(
        "sas-xport-5",
        "SAS transport file, version 5 (XPORT)",
        "xpt xport stx",
        magic(_XPORT + b"RARY HEADER"),
        "SAS TS-140",
        mime="application/x-sas-xport",
        version="5",
        parents="fmt/601 fmt/602 fmt/603 fmt/604",
    ),
    row(
        "sas-cport",
        "SAS transport file by CPORT",
        "xpt cpt cport stc",
        one_of(b"**COMPRESSED** **COMPRESSED**"),
        "SAS, PROC CPORT",
        mime="application/x-sas-cport",
    ),
)
