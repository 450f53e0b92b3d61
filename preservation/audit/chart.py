"""The forecast as a drawing with its numbers: SVG that needs nothing else, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from preservation.audit.forecast import Outlook
from preservation.model.units import format_duration, format_size

_WIDTH, _LEFT, _RIGHT, _PANEL, _TOP, _GAP, _LINE = 760, 90, 20, 150, 60, 46, 20
_COLOURS = ("#1f6f5c", "#b0722a", "#5a63b8", "#a33a2a", "#6c8f2f", "#8a4f9e")
_STYLE = (
    "<style>svg{font:13px sans-serif;background:#fff;color:#1c1c1c}text{fill:currentColor}"
    ".dim{opacity:.7}.axis{stroke:currentColor;opacity:.4}.bound{stroke:#c0392b;"
    "stroke-dasharray:6 4}@media(prefers-color-scheme:dark){svg{background:#16181b;"
    "color:#ececec}}</style>"
)


def forecast_chart(outlook: Outlook) -> bytes:
    """Draw what is read each night, and how old the oldest check of each tier gets."""
    tiers = list(outlook.tiers)
    below = _TOP + 2 * (_PANEL + _GAP)
    height = below + _LINE * (len(tiers) + 1) + 16
    title = f"Audits of {outlook.community}, the next {_nights(outlook)} runs"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        f' width="{_WIDTH}" height="{height}">',
        f"<title>{escape(title)}</title><desc>{escape(_told(outlook))}</desc>{_STYLE}",
        f'<text x="12" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
        *_octets(outlook, _TOP),
        *_ages(outlook, _TOP + _PANEL + _GAP),
        *_numbers(outlook, below),
    ]
    return ("\n".join([*lines, "</svg>"]) + "\n").encode()


def _octets(outlook: Outlook, top: int) -> list[str]:
    columns = {tier: [float(one.octets) for one in rows] for tier, rows in outlook.tiers.items()}
    most = max([float(outlook.budget), *(max(rows, default=0.0) for rows in columns.values())])
    bound = outlook.budget / most
    said = f"bytes read in a run; budget {format_size(outlook.budget)}"
    return _panel(top, said, format_size(int(most)), bound, columns, most)


def _ages(outlook: Outlook, top: int) -> list[str]:
    columns = {
        tier: [100 * one.age * 86_400 / outlook.ages[tier].total_seconds() for one in rows]
        for tier, rows in outlook.tiers.items()
    }
    most = max([110.0, *(max(rows, default=0.0) for rows in columns.values())])
    said = "oldest check, in per cent of the promised age"
    return _panel(top, said, f"{most:.0f} %", 100 / most, columns, most)


def _panel(
    top: int, said: str, most_said: str, bound: float, columns: dict[str, list[float]], most: float
) -> list[str]:
    foot, right = top + _PANEL, _WIDTH - _RIGHT
    level = f"{foot - bound * _PANEL:.1f}"
    lines = [
        f'<text x="{_LEFT}" y="{top - 8}" class="dim">{escape(said)}</text>',
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{escape(most_said)}</text>',
        f'<text x="{_LEFT - 8}" y="{foot}" text-anchor="end">0</text>',
        f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{foot}" y2="{foot}"/>',
        f'<line class="bound" x1="{_LEFT}" x2="{right}" y1="{level}" y2="{level}"/>',
    ]
    for place, values in enumerate(columns.values()):
        colour = _COLOURS[place % len(_COLOURS)]
        points = " ".join(_points(values, most, foot))
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}"/>'
        )
    return lines


def _points(values: Sequence[float], most: float, foot: int) -> list[str]:
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(values) - 1)
    return [
        f"{_LEFT + place * step:.1f},{foot - value / most * _PANEL:.1f}"
        for place, value in enumerate(values)
    ]


def _numbers(outlook: Outlook, top: int) -> list[str]:
    lines = []
    for place, sentence in enumerate(sentences(outlook)):
        y, colour = top + _LINE * place, _COLOURS[place % len(_COLOURS)]
        lines += [
            f'<rect x="14" y="{y - 10}" width="12" height="12" fill="{colour}"/>',
            f'<text x="34" y="{y}">{escape(sentence)}</text>',
        ]
    return lines


def sentences(outlook: Outlook) -> list[str]:
    """The numbers behind the drawing, a sentence for each tier."""
    told = []
    for tier, rows in outlook.tiers.items():
        octets = [one.octets for one in rows] or [0]
        oldest = max((one.age for one in rows), default=0.0)
        first = outlook.first_overdue(tier)
        when = "nothing overdue" if first is None else f"overdue from {first:%Y-%m-%d} on"
        mean, most = format_size(sum(octets) // len(octets)), format_size(max(octets))
        promised = outlook.ages[tier].total_seconds() / 86_400
        told.append(
            f"{tier}: {mean} a run, at most {most}; oldest check {oldest:.0f} of {promised:.0f} "
            f"days promised; {when}{_by_all(outlook, tier)}"
        )
    return told


def _by_all(outlook: Outlook, tier: str) -> str:
    """Nothing more is read for it, so it is late where checks are."""
    every = outlook.all_digests.get(tier)
    if every is None:
        return ""
    return f"; all digests every {format_duration(every)}, while no check is overdue"


def _told(outlook: Outlook) -> str:
    return ". ".join(sentences(outlook))


def _nights(outlook: Outlook) -> int:
    return max((len(rows) for rows in outlook.tiers.values()), default=0)
