"""Third-party archives (tar, packed tar, zip) as streams of members that nobody believes yet."""
