"""Text formats that are told by their keywords: documents, citations, tables, settings."""

from __future__ import annotations

import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    first_line,
    of_text,
    row,
    says,
    words,
)


@of_text
def _is_yaml(sample: Sample) -> bool:
    """Every line of the head that is not indented is a key, an item, a comment or a mark."""
    lines = [line for line in sample.lines[:300] if line.strip() and line[0] not in " \t#"]
    told = sum(_YAML_LINE.match(line[:400]) is not None for line in lines)
    return (
        sample.text is not None
        and told >= 0.8 * len(lines)
        and (bool(lines) or "#" in sample.start or ":" in sample.start)
    )


_YAML_LINE = re.compile(
    r"""(-(\s|$)|---|\.\.\.|%YAML|[^\s{}\[\],&*#?|<>=!%@`"'-][^:]*:(\s|$)|"
    r"["'].*["']\s*:|[\]}]|\?\s|<<:|\{\{|\{%|\[|\{)"""
)


@of_text
def _is_toml(sample: Sample) -> bool:
    lines = [line for line in sample.lines[:300] if line.strip() and line[0] not in " \t#"]
    told = sum(
        re.match(r"\[{1,2}[^\[\]]+\]|[\w\"'.\-]+\s*=|[\]})\"']", line) is not None for line in lines
    )
    return sample.text is not None and told >= 0.8 * len(lines)


@of_text
def _is_ini(sample: Sample) -> bool:
    return (
        re.search(r"^\s*\[[^\[\]\n]+\]\s*$|^\s*[\w.\- ]+\s*[=:]", sample.prose, re.MULTILINE)
        is not None
    )


ROWS = (
    row(
        "latex",
        "LaTeX",
        "tex ltx latex sty cls dtx ins def txt",
        says(
            r"\\(documentclass|documentstyle|usepackage|RequirePackage|"
            r"ProvidesPackage|ProvidesClass|begin\{|NeedsTeXFormat|section\{|"
            r"newcommand)"
        ),
        "LaTeX2e, unofficial reference manual",
        mime="application/x-latex",
        puid="fmt/280",
    ),
    row(
        "tex",
        "TeX",
        "tex inc sty pgf tikz",
        says(
            r"\\(def|input|font|magnification|hsize|let|catcode|newif|item|par|"
            r"hline|multicolumn|[a-zA-Z]+\{)"
        ),
        "The TeXbook",
        mime="application/x-tex",
        named=True,
        puid="fmt/281",
    ),
    row(
        "bibtex",
        "BibTeX",
        "bib bibtex txt",
        says(
            r"^\s*@(article|book|inproceedings|incollection|misc|techreport|"
            r"phdthesis|mastersthesis|string|proceedings|manual|unpublished|online|"
            r"dataset|software|comment|preamble)\s*[{(]",
            re.MULTILINE | re.IGNORECASE,
        ),
        "BibTeXing, Patashnik 1988",
        mime="application/x-bibtex",
        puid="fmt/1616",
    ),
    row(
        "ris",
        "RIS citation",
        "ris txt",
        first_line(r"TY  - [A-Z]+"),
        "RIS format specification",
        mime="application/x-research-info-systems",
        puid="fmt/1899",
    ),
    row(
        "endnote",
        "EndNote export",
        "enw txt",
        first_line(r"%0 [A-Z]"),
        "Refer/EndNote",
        mime="application/x-endnote-refer",
    ),
    row(
        "vcard",
        "vCard",
        "vcf vcard",
        words("BEGIN:VCARD"),
        "RFC 6350",
        mime="text/vcard",
        puid="fmt/395",
    ),
    row(
        "icalendar",
        "iCalendar",
        "ics ical ifb",
        words("BEGIN:VCALENDAR"),
        "RFC 5545",
        mime="text/calendar",
        puid="fmt/388",
    ),
    row(
        "postscript",
        "PostScript",
        "ps eps epsf epsi ai",
        says(r"\A%!"),
        "PostScript Language Reference, DSC 3.0",
        mime="application/postscript",
        puid="x-fmt/91",
    ),
    row(
        "ecsv",
        "ECSV (enhanced CSV, astronomy)",
        "ecsv txt csv",
        words("# %ECSV"),
        "APE 6",
        mime="text/csv",
        settles=True,
    ),
    row(
        "ipac-table",
        "IPAC table",
        "tbl ipac txt",
        first_line(r"(\\[^\n]*\n)*\s*\|(\s*[\w\-.]+\s*\|)+"),
        "IPAC table format",
        mime="text/plain",
    ),
    row(
        "cds-table",
        "CDS/VizieR ReadMe",
        "readme",
        says(r"^Byte-by-byte Description of file"),
        "CDS, standards for astronomical catalogues",
        mime="text/plain",
        named=True,
    ),
    row(
        "pds3-label",
        "PDS3 label",
        "lbl img",
        first_line(r"PDS_VERSION_ID\s*=\s*PDS3"),
        "PDS3 standards reference",
        mime="text/plain",
    ),
    row(
        "gettext-po",
        "GNU gettext PO",
        "po pot",
        says(r"^msgid\s+\""),
        "GNU gettext, PO files",
        mime="text/x-gettext-translation",
        named=True,
        settles=True,
    ),
    row(
        "diff",
        "Unified or context diff",
        "diff patch",
        says(r"\A(.*\n){0,60}?(diff (--git|-)|Index: |--- \S|\*\*\* \S|@@ -\d|\d+(,\d+)?[acd]\d+)"),
        "POSIX.1-2017, diff",
        mime="text/x-diff",
        named=True,
    ),
    row(
        "subrip",
        "SubRip subtitles",
        "srt",
        first_line(r"\d+\s*\n\d\d:\d\d:\d\d,\d{3} --> "),
        "SubRip",
        mime="application/x-subrip",
    ),
    row("webvtt", "WebVTT", "vtt", words("WEBVTT"), "W3C WebVTT", mime="text/vtt"),
    row(
        "gherkin",
        "Gherkin feature",
        "feature",
        says(r"^\s*(Feature|Scenario|Background|Given|When)\b"),
        "Gherkin reference",
        mime="text/x-gherkin",
        named=True,
        settles=True,
    ),
    row(
        "rtf",
        "Rich Text Format",
        "rtf doc",
        words("{\\rtf"),
        "RTF 1.9.1",
        mime="application/rtf",
        puid="fmt/355",
    ),
    row(
        "email",
        "Internet message (MBOX, EML)",
        "eml mbox mbx msg",
        says(r"^(From|Received|Return-Path|Message-ID|Date|MIME-Version): "),
        "RFC 5322, 2",
        mime="message/rfc822",
        named=True,
    ),
    row(
        "yaml",
        "YAML",
        "yaml yml cff clang-format clang-tidy",
        _is_yaml,
        "YAML 1.2.2",
        mime="application/yaml",
        puid="fmt/818",
        named=True,
        settles=True,
    ),
    row(
        "toml",
        "TOML",
        "toml",
        _is_toml,
        "TOML 1.0",
        mime="application/toml",
        puid="fmt/2065",
        named=True,
        settles=True,
    ),
    row(
        "ini",
        "INI settings",
        "ini cfg conf cnf inf desktop properties prefs editorconfig gitconfig flake8 coveragerc",
        _is_ini,
        "key and value by section",
        mime="text/plain",
        puid="x-fmt/421",
        named=True,
        settles=True,
    ),
)
