"""Text: characters it has no use for, ends that are none, the grammar of a few languages."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from xml.parsers import expat

from preservation.formats.sample import Sample, has_controls
from preservation.formats.structure.trouble import Troubles, corrupted, truncated

_LINES = 16  # that a file has before the end of its last line means anything
_PARSED = 256 * 1024
_PIECE = 1024 * 1024
_PIECES = 12  # of a large text, evenly over it
_ENDS = frozenset("\r\n.!?;)]}>\"'`*/|-=#~\x1a\x0c\0")
_FINISHED = frozenset("\r\n\0\x1a.!?;)]}>\"'`")
_MARKS = (b"\xff\xfe", b"\xfe\xff")


def characters(sample: Sample) -> Troubles:
    """No control characters anywhere that was read, and UTF-8 stays UTF-8."""
    if sample.head.startswith(_MARKS):
        return
    data = sample.whole if sample.whole is not None else sample.tail
    beyond = data[len(sample.head) :] if data is sample.whole else data  # the head has none
    if has_controls(beyond) or any(map(has_controls, _between(sample))):
        yield corrupted("control characters in a text")
        return
    if sample.whole is not None and data.isascii() is False:
        yield from _mixed(data)


def _between(sample: Sample) -> Iterator[bytes]:
    """What lies between head and tail: all of it, or as many pieces as may be read."""
    start, stop = len(sample.head), sample.octets - len(sample.tail)
    if sample.whole is not None:
        return
    pieces = min(_PIECES, -(-(stop - start) // _PIECE))
    for number in range(pieces):
        at = start + (stop - start - _PIECE) * number // max(1, pieces - 1) if pieces > 1 else start
        yield sample.at(at, min(_PIECE, stop - at))


def _mixed(data: bytes) -> Troubles:
    """A few octets that are no UTF-8 in a text that else is."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end >= len(data) and error.reason == "unexpected end of data":
            yield truncated("a character of UTF-8 that is cut")


def stops(sample: Sample) -> Troubles:
    """Several lines, of which the last one ends within a word or number."""
    last = sample.tail[-1:].decode("latin-1")
    if not last or last in _ENDS or sample.head.startswith(_MARKS):
        return
    lines = sample.tail[-8192:].splitlines()
    if len(lines) < 4 or b"//" in lines[-1] or lines[-1].startswith((b"#", b"%", b"}")):
        return
    yield truncated("the last line ends within a word")


def ends_a_line(sample: Sample) -> Troubles:
    """Programs that write these formats, and people who write programs, end the last line, or at
    least what it says.
    """
    last = sample.tail[-1:].decode("latin-1")
    if not last or last in _FINISHED or sample.head.startswith(_MARKS):
        return
    if sample.tail.count(b"\n") >= _LINES:
        yield truncated("the last line has no end")
    else:
        yield from stops(sample)


def table(sample: Sample) -> Troubles:
    """The last row has as many fields as the others."""
    if sample.head.startswith(_MARKS) or sample.tail.endswith((b"\n", b"\r")):
        return
    lines = sample.tail.decode("latin-1").splitlines()
    lines = [line for line in (lines if sample.whole is not None else lines[1:]) if line.strip()][
        -400:
    ]
    if len(lines) < 3:
        return
    for delimiter in "\t,;|":
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        widths = Counter(map(len, rows[:-1]))
        width, agreed = widths.most_common(1)[0]
        if width > 1 and agreed >= 0.9 * len(rows[:-1]):
            least = min((len(row[-1]) for row in rows[:-1] if len(row) == width), default=0)
            if len(rows[-1]) < width or len(rows[-1][-1]) < least:
                yield truncated("the last row of a table")
            return
    yield from stops(sample)


def json_text(sample: Sample) -> Troubles:
    """A small text is parsed; a larger one ends as it began."""
    if sample.whole is not None:
        try:
            json.loads(sample.whole, parse_int=str)  # Python bounds the digits of its own numbers
        except RecursionError:
            return
        except ValueError as error:
            whole = sample.whole.strip()
            if "Extra data" in str(error) or whole.startswith(b"\x1e"):
                return  # a sequence of values: JSON Lines, RFC 7464
            cut = whole[-1:] not in (b"}", b"]") or (
                "Expecting" in str(error) and f"{len(whole):d}" in str(error)
            )
            yield (truncated if cut else corrupted)(f"JSON: {error}")
        return
    if sample.tail.rstrip()[-1:] not in (b"}", b"]"):
        yield truncated("a JSON text that is not closed")


def json_lines(sample: Sample) -> Troubles:
    """The last line is a whole value."""
    lines = [line for line in sample.tail.splitlines() if line.strip()]
    if not lines or (sample.whole is None and len(lines) < 2):
        return
    try:
        json.loads(lines[-1])
    except (ValueError, RecursionError):
        yield truncated("the last of the JSON lines")


def xml(sample: Sample) -> Troubles:
    """A small text is parsed; a larger one ends with the end of its root."""
    name, _ = sample.root
    if not name:
        if sample.whole is not None and sample.start.startswith("<?xml"):
            yield truncated("an XML document without its root element")
        return
    mark = f"{name}>".encode(
        "utf-16-le"
        if sample.head.startswith(b"\xff\xfe")
        else "utf-16-be"
        if sample.head.startswith(b"\xfe\xff")
        else "utf-8"
    )
    end = sample.tail.rstrip()
    closed = mark in end or (sample.whole is not None and end.endswith(b"/>"))
    wrong = None if closed else truncated("the XML root element is not closed")
    other = _OTHER_VERSION.match(sample.head)
    if sample.whole is not None and sample.octets <= _PARSED and not other:
        parser = expat.ParserCreate()
        try:
            parser.Parse(sample.whole, True)
            wrong = None
        except expat.ExpatError as error:
            if closed and error.code not in _LENIENT:
                wrong = corrupted(f"XML: {error}")
        except (ValueError, LookupError):
            pass  # an encoding that expat does not know
    if wrong is not None:
        yield wrong


# Names and prefixes of a DTD that is elsewhere, and encodings that expat has not.
_LENIENT = frozenset({11, 18, 19, 27, 20})
# XML 1.1 allows what expat, which knows 1.0, does not.
_OTHER_VERSION = re.compile(rb"\s*<\?xml\s+version\s*=\s*[\"'](?!1\.0)")


def html(sample: Sample) -> Troubles:
    """A document that opens ``<html`` closes it, or at least ends with an element."""
    head = sample.head.lower()
    opened = b"<html" in head or b"<!doctype html" in head
    ends = sample.tail.endswith((b">\n", b">\r\n"))  # HTML lets the end of its root go unsaid
    if opened and not ends and b"</html" not in sample.tail.lower():
        yield truncated("HTML that does not end")


def toml(sample: Sample) -> Troubles:
    """A small text is parsed."""
    if sample.whole is not None and sample.octets <= _PARSED:
        try:
            tomllib.loads(sample.whole.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            yield corrupted(f"TOML: {error}")


def fastq(sample: Sample) -> Troubles:
    """Four lines each, qualities as long as the sequence; where reads take one line."""
    if sample.whole is None:
        yield from stops(sample)
        return
    lines = sample.whole.decode("latin-1").rstrip("\r\n").splitlines()
    lines += [""] * (-len(lines) % 4 if len(lines) % 4 == 3 and not lines[-2] else 0)
    if len(lines) >= 3 and lines[2].startswith("+"):
        if len(lines) % 4:
            yield truncated("the last read of a FASTQ file")
        elif len(lines[-1]) != len(lines[-3]):
            yield truncated("the qualities of the last read")


def newick(sample: Sample) -> Troubles:
    """The semicolon at the end."""
    if not sample.tail.rstrip().endswith(b";"):
        yield truncated("a tree without its semicolon")


def latex(sample: Sample) -> Troubles:
    """A document that begins ends."""
    if (
        b"\\begin{document}" in sample.head
        and sample.whole is not None
        and b"\\end{document}" not in sample.whole
    ):
        yield truncated("a LaTeX document without its end")
    else:
        yield from stops(sample)


def flat(sample: Sample) -> Troubles:
    """Entries of sequence databanks end with two slashes."""
    if not re.search(rb"^//\s*\Z", sample.tail.rstrip()[-8:], re.MULTILINE):
        yield truncated("an entry without its end mark")


def python(sample: Sample) -> Troubles:
    """Strings over several lines are closed."""
    if sample.whole is not None and (sample.whole.count(b'"""') % 2 and b"'''" not in sample.whole):
        yield truncated("a string that is not closed")
    else:
        yield from ends_a_line(sample)


def declarations(sample: Sample) -> Troubles:
    """A DTD ends with a declaration, a comment or a reference."""
    if not sample.tail.rstrip().endswith((b">", b";")):
        yield truncated("a declaration that is not closed")


def nexus(sample: Sample) -> Troubles:
    """Blocks end."""
    tail = sample.tail.lower()
    if tail.rfind(b"begin ") > max(
        tail.rfind(b"end;"), tail.rfind(b"endblock;"), tail.rfind(b"end ;")
    ):
        yield truncated("a NEXUS block without its end")
    else:
        yield from ends_a_line(sample)


def brackets(sample: Sample) -> Troubles:
    """Source code: braces that open are closed, where many do."""
    if sample.whole is not None:
        opened, closed = sample.whole.count(b"{"), sample.whole.count(b"}")
        last = sample.whole.rstrip()[-80:].rpartition(b"\n")[2]
        if (
            opened > closed
            and opened <= 400
            and b"}" not in last
            and not last.startswith((b"#", b"*/"))
        ):
            yield truncated("braces that are not closed")
            return
    yield from ends_a_line(sample)
