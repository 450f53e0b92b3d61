"""Fuzz: ``fetch.txt``."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.bags.findings import Findings
    from preservation.bags.tagfiles import parse_fetch
    from preservation.bags.text import lines
    from preservation.model.names import is_safe


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    findings = Findings()
    findings.legacy = draw.bit()
    for path in parse_fetch(lines(draw.pieces(64), "utf-8", []), findings):
        assert is_safe(path)
        assert path.startswith(b"data/")
    for finding in findings.all():
        assert finding.message.isprintable()


if __name__ == "__main__":
    fuzzing.fuzz(once)
