"""Fuzz: ``bagit.txt``."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.bags.findings import Findings
    from preservation.bags.tagfiles import VERSIONS, parse_declaration
    from preservation.bags.text import known_encoding
    from preservation.model.finding import is_fatal


def once(data: bytes) -> None:
    findings = Findings()
    declared = parse_declaration(data, findings)
    assert known_encoding(declared.encoding) == declared.encoding
    assert findings.legacy is declared.legacy
    if not is_fatal(findings.all()):
        assert declared.version in VERSIONS
    for finding in findings.all():
        assert finding.subject.isprintable()
        assert finding.message.isprintable()


if __name__ == "__main__":
    fuzzing.fuzz(once)
