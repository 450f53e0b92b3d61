"""The journal of events, the result documents beside it, and the store of policies."""
