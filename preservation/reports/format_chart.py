"""Holdings by format as one picture: a bar each, with its numbers, as SVG or as a page.

The picture asks nobody for anything, and says in words and numbers all that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from preservation.model.deferred import dataclass
from preservation.model.names import display
from preservation.model.units import format_size

MOST = 25  # bars; the rest is one bar of its own
_WIDTH, _ROW, _BAR, _TOP, _NAMES, _NUMBERS = 960, 26, 16, 34, 330, 260
_COLOURS = {"high": "#b3261e", "moderate": "#c77700", "low": "#2e7d4f", "unknown": "#5f6b7a"}
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2430}.name{text-anchor:end}"
    ".title{font-weight:600;font-size:15px}"
)


@dataclass(frozen=True, slots=True)
class FormatBar:
    """One format's bar.

    Attributes:
        risk: ``high moderate low unknown``; colour only repeats what the label says.
    """

    name: str
    id: str
    risk: str
    files: int
    octets: int


def shortened(bars: Sequence[FormatBar]) -> list[FormatBar]:
    """The largest by files, and the rest as one."""
    ranked = sorted(bars, key=lambda bar: (-bar.files, bar.id))
    rest = ranked[MOST:]
    if not rest:
        return ranked
    files, octets = sum(bar.files for bar in rest), sum(bar.octets for bar in rest)
    return [*ranked[:MOST], FormatBar(f"{len(rest)} more formats", "", "", files, octets)]


def svg(title: str, bars: Sequence[FormatBar]) -> str:
    """The picture by itself."""
    rows = shortened(bars)
    most = max((bar.files for bar in rows), default=1)
    height = _TOP + _ROW * max(1, len(rows)) + 8
    drawn = "\n".join(_drawn(bar, _TOP + _ROW * place, most) for place, bar in enumerate(rows))
    told = "; ".join(f"{_label(bar)}: {bar.files} files" for bar in rows) or "nothing is held"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-labelledby="t d">\n'
        f'<title id="t">{_plain(title)}</title>\n<desc id="d">{_plain(told)}</desc>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n'
        f'<text class="title" x="8" y="20">{_plain(title)}</text>\n{drawn}\n</svg>\n'
    )


def page(title: str, bars: Sequence[FormatBar]) -> str:
    """The picture with the table of its numbers."""
    rows = "\n".join(
        f"<tr><td>{_plain(bar.name)}</td><td>{_plain(bar.id)}</td><td>{bar.risk}</td>"
        f"<td>{bar.files:,}</td><td>{bar.octets:,}</td></tr>"
        for bar in sorted(bars, key=lambda bar: (-bar.files, bar.id))
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{_plain(title)}</title><style>body{{font:15px system-ui,sans-serif;margin:2rem}}"
        "td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}"
        "td:nth-child(n+4){text-align:right}svg{max-width:100%;height:auto}</style></head><body>\n"
        f"{svg(title, bars)}\n<table><caption>{_plain(title)}: the numbers</caption>"
        "<tr><th>Format</th><th>Identifier</th><th>Risk</th><th>Files</th><th>Bytes</th></tr>\n"
        f"{rows}\n</table>\n</body></html>\n"
    )


def _drawn(bar: FormatBar, y: int, most: int) -> str:
    width = max(2, (_WIDTH - _NAMES - _NUMBERS) * bar.files // most)
    colour = _COLOURS.get(bar.risk, "#9aa5b1")
    numbers = f"{bar.files:,} · {format_size(bar.octets)}"
    numbers += f" · {bar.risk} risk" if bar.risk else ""
    return (
        f'<text class="name" x="{_NAMES - 10}" y="{y + 13}">{_plain(_label(bar))}</text>'
        f'<rect x="{_NAMES}" y="{y}" width="{width}" height="{_BAR}" fill="{colour}"/>'
        f'<text x="{_NAMES + width + 8}" y="{y + 13}">{numbers}</text>'
    )


def _label(bar: FormatBar) -> str:
    name = bar.name if len(bar.name) <= 34 else f"{bar.name[:33]}…"
    return f"{name} {bar.id}".strip()


def _plain(text: str) -> str:
    return escape(display(text.encode("utf-8", "backslashreplace")))
