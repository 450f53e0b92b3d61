"""Text formats that are told by their keywords: documents, settings, source code.

Where a name is needed to tell one language from another, the content must still bear it out:
a row counts only under its extensions and only if its pattern occurs.
"""

from __future__ import annotations

import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    LocalFormat,
    first_line,
    of_text,
    row,
    says,
    words,
)

_LINES = re.MULTILINE
_LATEX_PUIDS = "fmt/280 fmt/281"  # which PRONOM gives to any text with a few commands of LaTeX


def _code(
    name: str,
    title: str,
    extensions: str,
    pattern: str,
    mime: str = "text/plain",
    puid: str = "",
    flags: int = _LINES,
) -> LocalFormat:
    """A language: one of its extensions, and one of its marks in the text."""
    return row(
        name,
        title,
        extensions,
        says(pattern, flags),
        "the language's own grammar",
        mime=mime,
        puid=puid,
        wrong=_LATEX_PUIDS,
        named=True,
        settles=True,
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


_C = (
    r"^\s*#\s*(include|define|if|ifdef|ifndef|pragma|undef|error|endif)\b|"
    r"^\s*(static|extern|const|struct|typedef|enum|union|void|int|char|"
    r"double|float|unsigned|inline|class|namespace|template|using|public|"
    r"private|return|if|for|while)\b|/\*|^\s*//|;\s*$"
)
_SLASHES = r"//|/\*|[{};]\s*$"

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
    _code(
        "python",
        "Python source",
        "py pyi pyw pyx pxd pxi wsgi sage",
        r"^\s*(from\s+[\w.]+\s+(c?import)\b|c?import\s+\w|include\s|"
        r"(async\s+)?def\s+\w+\s*\(|class\s+\w+|cdef\b|cpdef\b|ctypedef\b|"
        r"if\s.*:|for\s.*:|while\s.*:|try:|with\s.*:|print\b|raise\b|assert\b|"
        r"@\w|return\b|__\w+__\b|[A-Za-z_][\w.\[\]'\", ]{0,120}(:\s*[\w.\[\], |"
        r"\"']{1,120})?[+\-|&*/]?=(?!=)|[\w.]+\()|\"\"\"|'''|"
        r"\A(?:[ \t]*#[^\n]*(?:\n|\Z))+\Z",
        "text/x-python",
        "fmt/938",
    ),
    _code(
        "r-source",
        "R source",
        "r rprofile s q",
        r"<-|\bfunction\s*\(|^\s*(library|require|source)\s*\(|^\s*#'|\bc\(|^\s*\w[\w.]*\s*=",
        "text/x-r",
        "fmt/1599",
    ),
    _code(
        "r-markdown",
        "R Markdown",
        "rmd qmd",
        r"^```\s*\{|^---\s*$|^#+\s",
        "text/markdown",
        "fmt/1039",
    ),
    _code(
        "julia",
        "Julia source",
        "jl",
        r"^\s*(using|import|function|module|struct|mutable struct|const|macro|"
        r"export|include|abstract type|for|if|let|begin|@\w)|=",
        "text/x-julia",
    ),
    _code("c", "C source", "c", _C, "text/x-c", "fmt/1768"),
    _code("c-header", "C/C++ header", "h hpp hh hxx h++ inc ipp tpp", _C, "text/x-c", "fmt/1735"),
    _code("cpp", "C++ source", "cpp cc cxx c++ tcc txx", _C, "text/x-c++", "fmt/1769"),
    _code("cuda", "CUDA/OpenCL source", "cu cuh cl", _C, "text/x-c++"),
    _code(
        "fortran",
        "Fortran source",
        "f for ftn f77 f90 f95 f03 f08 fpp pyf",
        r"^\s*(\d+\s+)?(program|subroutine|module|function|implicit|integer|"
        r"real|double precision|complex|character|logical|use|call|end|common|"
        r"dimension|parameter|contains|data|do|if|include|interface|recursive|"
        r"pure|python module|type)\b|^[cC*!]",
        "text/x-fortran",
        "fmt/879",
        re.MULTILINE | re.IGNORECASE,
    ),
    _code(
        "matlab-source",
        "MATLAB/Octave script",
        "m",
        r"^\s*(%|function\b|classdef\b|for\b|if\b|end\b|[\w.()\[\], ]+=)|;\s*$|"
        r"^\s*@(interface|implementation|import)|^\s*#import",
        "text/x-matlab",
        "fmt/1678",
    ),
    _code(
        "java",
        "Java source",
        "java",
        r"^\s*(package|import|public|private|protected|class|interface|enum|"
        r"abstract|final|@\w)|[{};]\s*$",
        "text/x-java",
        "x-fmt/422",
    ),
    _code(
        "javascript",
        "JavaScript",
        "js mjs cjs jsx",
        r"\b(function|var|let|const|return|import|export|module\.exports|"
        r"require)\b|=>|[{};]\s*$|^\s*//",
        "text/javascript",
        "x-fmt/423",
    ),
    _code(
        "typescript",
        "TypeScript",
        "ts tsx",
        r"\b(interface|import|export|const|let|function|type|class|declare)\b",
        "text/x-typescript",
        "fmt/1652",
    ),
    _code("go", "Go source", "go", r"^\s*package\s+\w+", "text/x-go"),
    _code(
        "rust",
        "Rust source",
        "rs",
        r"\b(fn|use|mod|pub|impl|struct|enum|let|extern crate)\b",
        "text/x-rust",
        "fmt/2066",
    ),
    _code(
        "shell",
        "Shell script",
        "sh bash zsh ksh csh fish env",
        r"\A#!|^\s*(python3?|pip|make|rm|cp|mv|mkdir|git|curl|wget|sphinx-\w+|"
        r"conda|sudo|apt(-get)?)\s|^\s*(if|for|while|case|export|set|echo|cd|"
        r"function|source|alias|exec|local|\.)\s|^\s*\w+=|\$[\w{(]|"
        r"^\s*\w+\s*\(\)",
        "text/x-shellscript",
    ),
    _code(
        "powershell",
        "PowerShell script",
        "ps1 psm1 psd1",
        r"\$\w+|^\s*(function|param|Write-|Set-|Get-)",
        "text/x-powershell",
    ),
    _code(
        "batch",
        "Batch file",
        "bat cmd",
        r"^\s*@?\s*(echo|rem|set|if|goto|call|cd|pushd|setlocal|for|exit|python|::|:\w)",
        "application/x-bat",
        "x-fmt/413",
        re.MULTILINE | re.IGNORECASE,
    ),
    _code(
        "perl",
        "Perl script",
        "pl pm t",
        r"\A#!.*perl|^\s*(use|package|my|our|sub|print|require|foreach)\b|\$\w",
        "text/x-perl",
        "fmt/870",
    ),
    _code(
        "ruby",
        "Ruby source",
        "rb gemspec rake",
        r"^\s*(require|class|module|def|end|gem|attr_\w+|puts|include)\b|\bdo\b",
        "text/x-ruby",
    ),
    _code("lua", "Lua source", "lua", r"\b(function|local|require|end|return)\b", "text/x-lua"),
    _code("php", "PHP source", "php php3 phtml", r"<\?(php|=)?", "text/x-php", "x-fmt/169"),
    _code(
        "sql",
        "SQL",
        "sql ddl dml",
        r"\b(select|insert|create|update|delete|alter|drop|begin|grant|set|copy|pragma|with)\b",
        "application/sql",
        "fmt/206",
        re.IGNORECASE,
    ),
    _code(
        "stata-do",
        "Stata do-file",
        "do ado",
        r"^\s*(use|gen|generate|replace|reg|regress|clear|set|local|foreach|"
        r"forvalues|program|import|merge|save|sum|summarize|tab|label|keep|drop|"
        r"\*|//|version|cd|log)\b|^\s*\*",
        "text/x-stata",
        "fmt/1598",
    ),
    _code(
        "sas-source",
        "SAS program",
        "sas",
        r"\b(data|proc|run|libname|%macro|%let|options)\b",
        "text/x-sas",
        "",
        re.IGNORECASE,
    ),
    _code(
        "spss-syntax",
        "SPSS syntax",
        "sps",
        r"^\s*(GET|COMPUTE|RECODE|FREQUENCIES|VARIABLE LABELS|VALUE LABELS|"
        r"EXECUTE|DATA LIST|SAVE|\*)\b",
        "text/x-spss",
        "fmt/1575",
        re.MULTILINE | re.IGNORECASE,
    ),
    _code(
        "css",
        "Cascading Style Sheet",
        "css scss less sass",
        r"[^{}]*\{[^{}]*[\w\-]+\s*:|@(import|media|use|charset|font-face|mixin)|^\s*/[/*]",
        "text/css",
        "x-fmt/224",
    ),
    _code("cmake", "CMake", "cmake", r"^\s*\w+\s*\(|^\s*#", "text/x-cmake"),
    _code(
        "meson",
        "Meson build",
        "build",
        r"^\s*(project|subdir|executable|py3?\.|\w+\s*=)|\w+\(",
        "text/plain",
    ),
    _code(
        "makefile",
        "Makefile",
        "mk mak make am",
        r"^[\w.%$(){}/ \-]+\s*:|^\s*[\w]+\s*[:?+]?=|^\s*#|^include\b",
        "text/x-makefile",
    ),
    _code(
        "m4",
        "M4 macros",
        "m4 ac",
        r"\b(dnl|AC_\w+|AM_\w+|m4_\w+|define|AX_\w+)\b|^\s*#",
        "text/x-m4",
    ),
    _code(
        "assembly", "Assembly source", "s asm", r"^\s*[.;#/]|^\s*\w+:|^\s+\w{2,6}\s", "text/x-asm"
    ),
    _code(
        "tcl",
        "Tcl script",
        "tcl",
        r"^\s*(proc|set|puts|package|source|namespace|if|foreach)\b",
        "text/x-tcl",
    ),
    _code("awk", "AWK script", "awk", r"BEGIN|\{|\$\d", "text/x-awk"),
    _code(
        "haskell",
        "Haskell source",
        "hs lhs",
        r"^\s*(module|import|data|type|class|instance|main|\w+\s*::)\b",
        "text/x-haskell",
    ),
    _code(
        "scala",
        "Scala source",
        "scala sc",
        r"\b(object|class|def|val|var|import|package|trait)\b",
        "text/x-scala",
    ),
    _code(
        "kotlin",
        "Kotlin source",
        "kt kts",
        r"\b(fun|val|var|class|import|package)\b",
        "text/x-kotlin",
    ),
    _code(
        "swift", "Swift source", "swift", r"\b(func|let|var|import|class|struct)\b", "text/x-swift"
    ),
    _code(
        "csharp",
        "C# source",
        "cs",
        r"\b(using|namespace|class|public|static)\b|" + _SLASHES,
        "text/x-csharp",
    ),
    _code(
        "idl-source",
        "IDL source",
        "pro",
        r"^\s*(pro|function|end|compile_opt|;)|=",
        "text/x-idl",
        "",
        re.MULTILINE | re.IGNORECASE,
    ),
    _code(
        "mathematica",
        "Wolfram notebook or package",
        "nb m wl wls",
        r"Notebook\[|\(\*|BeginPackage\[|:=",
        "application/mathematica",
    ),
    _code("graphviz", "Graphviz DOT", "dot gv", r"\b(strict\s+)?(di)?graph\b", "text/vnd.graphviz"),
    _code("bazel", "Bazel/Starlark", "bazel bzl", r"\w+\s*\(|^\s*#", "text/plain"),
    _code("jinja", "Jinja template", "j2 jinja jinja2 tpl", r"\{[{%#]|\$\{", "text/plain"),
    _code(
        "source-template",
        "Source template",
        "src in tmpl template",
        r"@\w+@|/\*\*begin repeat|\{\{|<\w+=|\S",
        "text/plain",
    ),
    _code(
        "restructuredtext",
        "reStructuredText",
        "rst rest",
        r"^([=\-~^\"'#*+`.:_])\1{2,}\s*$|^\.\.\s|::\s*$|``|^\s*[*\-]\s|\S",
        "text/x-rst",
        "fmt/1565",
    ),
    _code("markdown", "Markdown", "md markdown mdown mkd mdx", r"\S", "text/markdown", "fmt/1149"),
    _code("asciidoc", "AsciiDoc", "adoc asciidoc", r"^=+\s|^\.|^:\w+:|\S", "text/asciidoc"),
    _code("org-mode", "Org document", "org", r"^\*+\s|^#\+|\S", "text/x-org"),
    _code("typst", "Typst document", "typ", r"^#|^=+\s|\S", "text/plain"),
)
