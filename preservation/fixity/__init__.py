"""The hashing engine: one read of each byte, whatever the number of digests wanted."""
