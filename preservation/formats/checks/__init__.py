"""Format checks: whether a file is what its format promises, asked of the formats' own libraries.

``registry`` which check is for which format, pure · ``checker`` the front door: one verdict per
file, whatever the file does · ``worker`` the exec'd child, confined, with limits · ``subject``
the file as a check sees it, with its budget · one module per check, ``check(subject)``, the only
ones that load a library. What each verifies and what it doesn't: docs/reference/format-checks.md.
"""
