"""Deposits become AIP versions; and a look at any folder before that."""
