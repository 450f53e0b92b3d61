"""The BagIt Profile of a policy: made by the policy, and read by the profile reader."""

from __future__ import annotations

from preservation.app.profiles import deposit_profile
from preservation.policy.check import check
from preservation.policy.policy import Policy


def test_a_profile_asks_for_what_the_policy_asks_for(files: dict[str, str]) -> None:
    rules = "intake: {identifiers: {required: [doi, cstr]}, fetch: {mode: fetch, hosts: [a.org]}}\n"
    plain = Policy.from_effective(check(files).require().effective["notes"])
    files["notes.yaml"] += rules
    asking = Policy.from_effective(check(files).require().effective["notes"])

    before, after = deposit_profile(plain), deposit_profile(asking)

    assert not before["Bag-Info"]["External-Identifier"]["required"]
    assert after["Bag-Info"]["External-Identifier"]["required"]
    assert (before["Allow-Fetch.txt"], after["Allow-Fetch.txt"]) == (False, True)
    about = [one["BagIt-Profile-Info"] for one in (before, after)]
    assert about[0]["BagIt-Profile-Identifier"] != about[1]["BagIt-Profile-Identifier"]
    assert about[0]["Contact-Email"] == "archive@example.org"
