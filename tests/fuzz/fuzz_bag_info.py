"""Fuzz: ``bag-info.txt``, in every encoding; what is read without a finding is written again."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.bags.findings import Findings
    from preservation.bags.tagfiles import format_bag_info, parse_bag_info, parse_oxum
    from preservation.bags.text import LineTooLongError, NotTextError, lines
    from preservation.errors import MalformedError

ENCODINGS = ("utf-8", "utf-16", "iso8859-1", "utf-7", "gb18030", "shift_jis", "iso2022_jp", "")


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    findings = Findings()
    findings.legacy = draw.bit()
    encoding, size = ENCODINGS[draw.number(len(ENCODINGS))], draw.number(32) + 1
    try:
        elements = parse_bag_info(lines(draw.pieces(size), encoding), findings)
    except (NotTextError, LineTooLongError):
        return
    oxum = parse_oxum(elements, findings)
    assert oxum is None or min(oxum) >= 0
    for finding in findings.all():
        assert finding.subject.isprintable()
        assert finding.message.isprintable()
    try:
        again = format_bag_info(elements)
    except MalformedError:
        return
    assert parse_bag_info(lines([again], "utf-8"), Findings()) == elements


if __name__ == "__main__":
    fuzzing.fuzz(once)
