"""Names that other systems can't hold or show, where a policy minds.

Source: RFC 8493 section 5.2 (names across systems); Windows naming rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from preservation.ingest.survey_names import hazards_of
from preservation.model.finding import Finding, Severity
from preservation.model.names import display, parts

_WORDS = {
    "SUR-NAME-CONTROL": "it holds control characters",
    "SUR-NAME-INVISIBLE": "it holds invisible or direction-changing characters",
    "SUR-NAME-EDGE": "it begins or ends with a space, or ends with a dot",
    "SUR-NAME-WINDOWS": "it cannot exist on Windows",
    "SUR-NAME-LONG": "it is longer than some systems can hold",
}
SEVERITY = {"flag": Severity.WARNING, "refuse": Severity.ERROR}


def unportable(path: bytes, action: str) -> Iterator[Finding]:
    """What is wrong with the last name of a path; nothing if the action is ``accept``.

    Args:
        action: ``accept``, ``flag`` or ``refuse``.
    """
    if action not in SEVERITY:
        return
    told = [_WORDS[code] for code in hazards_of(parts(path)[-1]) if code in _WORDS]
    if told:
        yield Finding(
            "DEP-NAME-PORTABLE",
            display(path),
            f"not every system can hold this name: {'; '.join(told)}",
            "rename it: letters, digits, hyphens, dots and underscores are safe everywhere",
            SEVERITY[action],
        )
