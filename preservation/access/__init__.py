"""Access: who gets an AIP out again."""
