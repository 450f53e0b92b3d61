"""Fuzz: BagIt Profiles, and a bag held against what they say."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.bags.findings import Findings
    from preservation.bags.profile.check import BagFacts, check_profile
    from preservation.bags.profile.parse import parse_profile

INFO = (("BagIt-Profile-Identifier", "http://example.org/p"), ("Bag-Count", "1 of 2"))
TAGS = (b"bagit.txt", b"bag-info.txt", b"manifest-md5.txt", b"tagmanifest-md5.txt", b"a/\xff")
PAYLOAD = (b"data/a", b"data/\xff/b", b"data/src/c.txt")


def once(data: bytes) -> None:
    findings = Findings()
    profile = parse_profile(data, findings)
    if profile is not None:
        facts = BagFacts("1.0", INFO, TAGS, PAYLOAD, len(PAYLOAD), 9, "tar.gz")
        check_profile(profile, facts, findings)
    else:
        assert findings.all()
    for finding in findings.all():
        assert finding.subject.isprintable(), finding
        assert finding.message.isprintable(), finding


if __name__ == "__main__":
    fuzzing.fuzz(once)
