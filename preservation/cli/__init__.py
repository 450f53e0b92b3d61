"""The command line, ``preserve``."""
