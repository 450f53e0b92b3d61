"""The members of a ZIP archive, unpacked in pieces, held against their length and CRC."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from preservation.formats.checks.subject import Invalid, NotChecked, Subject
from preservation.model.format_check import Unchecked

MOST_MEMBERS = 1_000_000
MOST_UNPACKED = 8 << 30  # octets of all members
_PIECE = 1 << 18
_ENCRYPTED = 1  # bit of a member's flags


class Members:
    """An open archive.

    Raises:
        Invalid: it has no directory that can be read.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._unpacked = 0
        self._codec = ""
        self._encrypted = 0
        try:
            self._archive = zipfile.ZipFile(subject.open())
        except zipfile.BadZipFile as error:
            text = str(error)
            cut = "not a zip file" in text and subject.at(0, 4) == b"PK\3\4"
            raise Invalid("truncated" if cut else "structure", text) from error
        subject.facts["members"] = len(self._archive.filelist)
        if len(self._archive.filelist) > MOST_MEMBERS:
            raise NotChecked(Unchecked.TOO_LARGE, f"more than {MOST_MEMBERS} members")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def all(self) -> list[zipfile.ZipInfo]:
        """As the directory lists them."""
        return self._archive.infolist()

    def named(self, name: str) -> zipfile.ZipInfo | None:
        """The member of this name."""
        return self._archive.NameToInfo.get(name)

    def read(self, one: zipfile.ZipInfo) -> Iterator[bytes]:
        """A member's content. One that is encrypted, or packed by a method that we don't have,
        gives nothing; :meth:`settle` tells of it.

        Raises:
            Invalid: it doesn't unpack, or not to what the directory says.
            NotChecked: it unpacks to more than is unpacked.
        """
        if one.flag_bits & _ENCRYPTED:
            self._encrypted += 1
            return
        try:
            with self._archive.open(one) as content:
                while piece := content.read(_PIECE):
                    self._unpacked += len(piece)
                    if self._unpacked > MOST_UNPACKED:
                        message = f"it unpacks to more than {MOST_UNPACKED} bytes"
                        raise NotChecked(Unchecked.TOO_LARGE, message)
                    self._subject.spend(0)
                    yield piece
        except NotImplementedError as error:
            self._codec = str(error)
        except zipfile.BadZipFile as error:
            reason = "checksum" if "Bad CRC" in str(error) else "structure"
            raise Invalid(reason, str(error)) from error
        except (zlib.error, EOFError, OSError) as error:
            raise Invalid("structure", f"{one.filename}: {error or 'it ends too early'}") from error

    def settle(self) -> None:
        """After the last member.

        Raises:
            NotChecked: some could not be looked into.
        """
        if self._encrypted:
            self._subject.facts["encrypted_members"] = self._encrypted
            raise NotChecked(Unchecked.ENCRYPTED, f"{self._encrypted} members are encrypted")
        if self._codec:
            raise NotChecked(Unchecked.CODEC_ABSENT, self._codec)
