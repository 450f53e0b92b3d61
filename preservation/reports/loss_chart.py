"""What each promise contributes, as a drawing with its numbers: SVG that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 760, 26, 330, 130, 56


def loss_chart(title: str, subtitle: str, rows: Sequence[tuple[str, float]]) -> bytes:
    """Draw bars on a logarithmic scale: how many times less often an AIP is lost.

    Args:
        rows: what is changed, and the factor; below 1 the bar goes to the left.
    """
    reach = max((abs(math.log10(factor)) for _, factor in rows), default=1.0) or 1.0
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    scale = (_WIDTH - _LEFT - _RIGHT) / 2 / reach
    height = _TOP + _ROW * len(rows) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        f' width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(subtitle)}</desc>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="12" y="42" fill="#555555">{escape(subtitle)}</text>',
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{_TOP}" y2="{height - 8}" stroke="#888"/>',
    ]
    for place, (what, factor) in enumerate(rows):
        lines += _bar(what, factor, _TOP + place * _ROW, middle, scale)
    return ("\n".join([*lines, "</svg>"]) + "\n").encode()


def _bar(what: str, factor: float, y: float, middle: float, scale: float) -> list[str]:
    length = math.log10(factor) * scale
    x, width = (middle, length) if length >= 0 else (middle + length, -length)
    colour = "#1f6f5c" if length >= 0 else "#a33a2a"
    times = factor if factor >= 1 else 1 / factor
    told = f"{times:,.0f}" if times >= 10 else f"{times:.1f}"
    said = f"{told} times {'less' if factor >= 1 else 'more'} often"
    return [
        f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(what)}</text>',
        f'<rect x="{x:.1f}" y="{y + 5}" width="{max(width, 1):.1f}" height="16" fill="{colour}"/>',
        f'<text x="{_WIDTH - _RIGHT + 8}" y="{y + 17}">{escape(said)}</text>',
    ]
