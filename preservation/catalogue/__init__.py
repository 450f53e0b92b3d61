"""The SQL state, rebuildable from tiers and journal. See ``protocol.py``."""
