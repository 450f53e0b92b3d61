"""Policies: text and values in, values and problems out. No I/O, no clock."""
