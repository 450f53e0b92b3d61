"""The hashing engine: many algorithms in one read, of files and of streams."""
