"""Tiers: places that keep replicas. See ``tier.py`` for the protocol."""
