"""Source code and marked-up prose: one of a language's names, and one of its marks in the text.

Where a name is needed to tell one language from another, the content must still bear it out.
"""

from __future__ import annotations

import re

from preservation.formats.signatures.local_format import LocalFormat, row, says

_LINES = re.MULTILINE
_LATEX_PUIDS = "fmt/280 fmt/281"  # which PRONOM gives to any text with a few commands of LaTeX
_C = (
    r"^\s*#\s*(include|define|if|ifdef|ifndef|pragma|undef|error|endif)\b|"
    r"^\s*(static|extern|const|struct|typedef|enum|union|void|int|char|"
    r"double|float|unsigned|inline|class|namespace|template|using|public|"
    r"private|return|if|for|while)\b|/\*|^\s*//|;\s*$"
)
_SLASHES = r"//|/\*|[{};]\s*$"


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


ROWS = (
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
