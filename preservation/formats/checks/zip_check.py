"""ZIP: the directory can be read, every member unpacks to its length and CRC.

Output is thrown away; nothing is written, whatever the names are.

Source: APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

from preservation.formats.checks.members import Members
from preservation.formats.checks.subject import Subject

LIBRARY = ""


def check(subject: Subject) -> None:
    """Every member."""
    with Members(subject) as members:
        for one in members.all():
            for _ in members.read(one):
                pass
        members.settle()
