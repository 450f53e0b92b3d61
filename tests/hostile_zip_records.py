"""Hostile zips, record by record: headers that disagree, octets of nobody, numbers that lie."""

from __future__ import annotations

import bz2
import lzma
import stat
import struct
import zlib
from pathlib import Path

import zstandard
from hostile_headers import Zipped, zip_of
from hostile_kinds import KEPT, NO, OK, becomes

UTF8 = 0x800


@becomes(OK)
def zip_by_the_letter(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), Zipped(b"b", method=0), Zipped("é".encode(), bits=UTF8))


@becomes(NO, "DEP-MEMBER-DIFFERS")
def zip_whose_local_size_is_another(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", local={"octets": 4}))


@becomes(NO, "DEP-MEMBER-DIFFERS")
def zip_whose_local_checksum_is_another(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", local={"crc": 5}))


@becomes(NO, "DEP-MEMBER-DIFFERS")
def zip_whose_local_method_is_another(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", local={"method": 0}))


@becomes(NO, "DEP-MEMBER-DIFFERS")
def zip_whose_local_name_is_in_another_encoding(at: Path) -> Path:
    return zip_of(at, Zipped("é".encode(), bits=UTF8, local={"bits": 0}))


@becomes(NO, "DEP-ENCRYPTED")
def zip_encrypted_in_the_local_header_only(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", local={"bits": 1}))


@becomes(NO, "DEP-ENCRYPTED")
def zip_with_strong_encryption(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", bits=0x41))


@becomes(NO, "DEP-ENCRYPTED")
def zip_with_aes(at: Path) -> Path:
    extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, 8)
    return zip_of(at, Zipped(b"a", method=99, bits=1, extra=extra))


@becomes(NO, "DEP-CONTAINER")
def zip_packed_by_deflate64(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", method=9))


@becomes(NO, "DEP-CONTAINER")
def zip_packed_by_a_method_that_is_none(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", method=4711))


@becomes(OK)
def zip_packed_by_every_method_that_we_read(at: Path) -> Path:
    data = b"one two three" * 99
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    raw = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    head = struct.pack("<HHBL", 9, 5, 2 * 45 + 3, 1 << 16)
    return zip_of(
        at,
        Zipped(b"stored", data, method=0),
        Zipped(b"bzip2", data, method=12, packed=bz2.compress(data)),
        Zipped(b"lzma", data, method=14, packed=head + raw),
        Zipped(b"zstd", data, method=93, packed=zstandard.compress(data)),
        Zipped(b"xz", data, method=95, packed=lzma.compress(data)),
    )


@becomes(NO, "DEP-CONTAINER")
def zip_packed_by_lzma_that_wants_four_gigabytes(at: Path) -> Path:
    head = struct.pack("<HHBL", 9, 5, 93, 0xFFFFFFFF)
    return zip_of(at, Zipped(b"a", method=14, packed=head + b"\0" * 20))


@becomes(NO, "DEP-CONTAINER")
def zip_with_octets_behind_a_members_stream(at: Path) -> Path:
    deflate = zlib.compressobj(wbits=-15)
    return zip_of(at, Zipped(b"a", packed=deflate.compress(b"one") + deflate.flush() + b"hidden"))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_stream_that_ends_early(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", packed=b"\x4b"))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_stream_of_noise(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", packed=b"\xff" * 50))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_member_gives_more_than_it_says(at: Path) -> Path:
    lie: dict[str, int | bytes] = {"octets": 2}
    return zip_of(at, Zipped(b"a", b"one" * 9, local=lie, central=lie))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_member_gives_less_than_it_says(at: Path) -> Path:
    lie: dict[str, int | bytes] = {"octets": 2000}
    return zip_of(at, Zipped(b"a", b"one" * 9, local=lie, central=lie))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_stored_member_has_two_sizes(at: Path) -> Path:
    lie: dict[str, int | bytes] = {"octets": 2}
    return zip_of(at, Zipped(b"a", b"one", method=0, local=lie, central=lie))


@becomes(NO, "DEP-FILE-SIZE")
def zip_that_says_a_member_is_four_gigabytes(at: Path) -> Path:
    lie: dict[str, int | bytes] = {"octets": 0xFFFFFFFE}
    return zip_of(at, Zipped(b"a", local=lie, central=lie))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_program_before_it(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), before=b"PK\3\4" + b"MZ" * 100)


@becomes(NO, "DEP-CONTAINER")
def zip_with_octets_between_members_and_directory(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), between=b"hidden")


@becomes(NO, "DEP-CONTAINER")
def zip_with_octets_between_two_members(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", behind=b"hidden"), Zipped(b"b"))


@becomes(OK)
def zip_with_descriptors(at: Path) -> Path:
    packed = Zipped(b"a").stored()
    told = (zlib.crc32(b"one"), len(packed), 3)
    unsaid: dict[str, int | bytes] = {"crc": 0, "packed": 0, "octets": 0}
    forms = (
        struct.pack("<LLL", *told),
        struct.pack("<4sLLL", b"PK\7\x08", *told),
        struct.pack("<LQQ", *told),
        struct.pack("<4sLQQ", b"PK\7\x08", *told),
    )
    members = (
        Zipped(b"m%d" % n, bits=8, local=dict(unsaid), behind=form) for n, form in enumerate(forms)
    )
    return zip_of(at, *members)


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_descriptor_that_lies(at: Path) -> Path:
    unsaid: dict[str, int | bytes] = {"crc": 0, "packed": 0, "octets": 0}
    return zip_of(at, Zipped(b"a", bits=8, local=unsaid, behind=struct.pack("<LLL", 1, 2, 3)))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_descriptor_that_nobody_announced(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", behind=struct.pack("<LLL", 1, 2, 3)))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_members_are_one_and_the_same(at: Path) -> Path:
    """The quoted bomb: many names, one content."""
    return zip_of(at, Zipped(b"a"), *(Zipped(b"b%d" % n, central={"at": 0}) for n in range(50)))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_member_lies_in_another(at: Path) -> Path:
    inner = zip_of(at, Zipped(b"inner")).read_bytes()
    where = 30 + len("first.txt") + len(Zipped(b"", at.name.encode()).stored()) + 31
    return zip_of(at, Zipped(b"a", inner, method=0), Zipped(b"inner", central={"at": where}))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_member_lies_beyond_its_end(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", central={"at": 1 << 30}))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_member_is_the_directory(at: Path) -> Path:
    start = zip_of(at, Zipped(b"a")).read_bytes().find(b"PK\1\2")
    return zip_of(at, Zipped(b"a", central={"at": start}))


@becomes(NO, "DEP-CONTAINER")
def zip_that_counts_too_few(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), Zipped(b"hidden"), count=2)


@becomes(NO, "DEP-CONTAINER")
def zip_that_counts_too_many(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), count=3)


@becomes(NO, "DEP-FILES")
def zip_that_counts_sixty_thousand(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), count=60_000)


@becomes(NO, "DEP-CONTAINER")
def zip_whose_directory_begins_elsewhere(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), start=7)


@becomes(NO, "DEP-CONTAINER")
def zip_whose_directory_has_another_size(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), octets=50)


@becomes(NO, "DEP-CONTAINER")
def zip_in_volumes(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), disk=2)


@becomes(NO, "DEP-CONTAINER")
def zip_whose_member_is_on_another_volume(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", central={"disk": 3}))


@becomes(OK)
def zip_with_a_comment(at: Path) -> Path:
    return zip_of(at, Zipped(b"a"), comment="перенос".encode("cp866"))


@becomes(NO, "DEP-CONTAINER")
def zip_with_another_zips_end_in_its_comment(at: Path) -> Path:
    """Programs that look from the end find another directory than those that look from before."""
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    return zip_of(at, Zipped(b"a"), comment=end)


@becomes(NO, "DEP-CONTAINER")
def zip_cut_in_its_end(at: Path) -> Path:
    path = zip_of(at, Zipped(b"a"))
    path.write_bytes(path.read_bytes()[:-1])
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_cut_in_its_directory(at: Path) -> Path:
    path = zip_of(at, Zipped(b"a"))
    data = path.read_bytes()
    path.write_bytes(data[: data.find(b"PK\1\2") + 10])
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_zip64_end_that_is_not_there(at: Path) -> Path:
    path = zip_of(at, Zipped(b"a"))
    data = path.read_bytes()
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 1 << 40, 1)
    path.write_bytes(data[:-22] + locator + data[-22:])
    return path


def _with_zip64(path: Path, **lies: int) -> Path:
    data = path.read_bytes()
    members, octets, start = struct.unpack_from("<HLL", data, len(data) - 12)
    told = {"members": members, "octets": octets, "start": start} | lies
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told["members"], told["members"],
        told["octets"], told["start"],
    )  # fmt: skip
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(data) - 22, 1)
    path.write_bytes(data[:-22] + record + locator + data[-22:])
    return path


@becomes(OK)
def zip_with_a_zip64_end(at: Path) -> Path:
    return _with_zip64(zip_of(at, Zipped(b"a")))


@becomes(NO, "DEP-CONTAINER")
def zip_whose_two_ends_differ(at: Path) -> Path:
    return _with_zip64(zip_of(at, Zipped(b"a")), members=1)


@becomes(NO, "DEP-FILES")
def zip_of_a_million_million_members(at: Path) -> Path:
    return _with_zip64(zip_of(at, Zipped(b"a"), count=0xFFFF), members=10**12)


@becomes(OK)
def zip_with_zip64_members(at: Path) -> Path:
    sizes = (3, len(Zipped(b"a").stored()))
    extra = struct.pack("<HHQQ", 1, 16, *sizes)
    full: dict[str, int | bytes] = {"packed": 0xFFFFFFFF, "octets": 0xFFFFFFFF}
    return zip_of(at, Zipped(b"a", extra=extra, local=dict(full), central=dict(full)))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_zip64_field_that_is_cut(at: Path) -> Path:
    extra = struct.pack("<HHL", 1, 4, 3)
    full: dict[str, int | bytes] = {"octets": 0xFFFFFFFF}
    return zip_of(at, Zipped(b"a", extra=extra, local=dict(full), central=dict(full)))


@becomes(NO, "DEP-FILE-SIZE")
def zip_with_a_member_of_sixteen_exbibytes(at: Path) -> Path:
    extra = struct.pack("<HHQ", 1, 8, (1 << 64) - 1)
    full: dict[str, int | bytes] = {"octets": 0xFFFFFFFF}
    return zip_of(at, Zipped(b"a", extra=extra, local=dict(full), central=dict(full)))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_name_that_leaves_the_directory(at: Path) -> Path:
    path = zip_of(at, Zipped(b"a"))
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.rfind(b"PK\1\2") + 28, 0xFFFF)
    path.write_bytes(data)
    return path


@becomes(NO, "DEP-CONTAINER")
def zip_with_extra_fields_of_noise(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", extra=b"\xff\xff\xff\xff\1\2"))


@becomes(OK)
def zip_with_contents_aligned_by_zeros(at: Path) -> Path:
    return zip_of(at, Zipped(b"a", extra=b"\0\0\1\0\0" + bytes(3)))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def zip_with_nul_in_a_name(at: Path) -> Path:
    return zip_of(at, Zipped(b"a\0b"), Zipped(b""), Zipped(b"/"), Zipped(b"."), Zipped(b"a/../b"))


@becomes(NO, "DEP-NAME-BACKSLASH")
def zip_with_backslashes_for_slashes(at: Path) -> Path:
    return zip_of(at, Zipped(b"sub\\a.txt", host=0, attributes=0x20))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def zip_with_backslashes_that_leave(at: Path) -> Path:
    return zip_of(at, Zipped(b"..\\..\\new"), Zipped(b"C:\\x"), Zipped(b"\\\\server\\x"))


@becomes(OK)
def zip_with_a_unicode_path(at: Path) -> Path:
    old = "é.txt".encode("cp850")
    field = b"\1" + struct.pack("<L", zlib.crc32(old)) + "é.txt".encode()
    return zip_of(at, Zipped(old, extra=struct.pack("<HH", 0x7075, len(field)) + field))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def zip_with_a_unicode_path_that_leaves(at: Path) -> Path:
    field = b"\1" + struct.pack("<L", zlib.crc32(b"a")) + b"../../../outside/new"
    return zip_of(at, Zipped(b"a", extra=struct.pack("<HH", 0x7075, len(field)) + field))


@becomes(NO, "DEP-MEMBER-DIFFERS")
def zip_with_two_unicode_paths(at: Path) -> Path:
    fields = [b"\1" + struct.pack("<L", zlib.crc32(b"a")) + name for name in (b"b", b"c")]
    here, there = (struct.pack("<HH", 0x7075, len(one)) + one for one in fields)
    return zip_of(at, Zipped(b"a", local={"extra": here}, central={"extra": there}))


@becomes(OK)
def zip_with_a_unicode_path_of_another_name(at: Path) -> Path:
    """The field is void when the name was changed behind its back."""
    field = b"\1" + struct.pack("<L", 5) + b"../x"
    return zip_of(at, Zipped(b"a", extra=struct.pack("<HH", 0x7075, len(field)) + field))


@becomes(NO, "DEP-CONTAINER")
def zip_with_a_folder_of_octets(at: Path) -> Path:
    return zip_of(at, Zipped(b"sub/", b"hidden"))


@becomes(OK)
def zip_with_a_folder_that_is_packed(at: Path) -> Path:
    return zip_of(at, Zipped(b"sub/", b""), Zipped(b"other", b"", host=0, attributes=0x10))


@becomes(NO, "DEP-LINK")
def zip_with_a_link_inside(at: Path) -> Path:
    return zip_of(at, Zipped(b"link", b"first.txt", attributes=(stat.S_IFLNK | 0o777) << 16))


@becomes(NO, "DEP-LINK-ESCAPES")
def zip_with_a_link_that_is_packed(at: Path) -> Path:
    target = b"../" * 300 + b"etc/passwd"
    return zip_of(at, Zipped(b"link", target, attributes=(stat.S_IFLNK | 0o777) << 16))


@becomes(NO, "DEP-FIFO", "DEP-DEVICE")
def zip_with_special_files(at: Path) -> Path:
    kinds = (stat.S_IFIFO, stat.S_IFBLK, stat.S_IFSOCK)
    return zip_of(at, *(Zipped(b"s%d" % n, b"", attributes=k << 16) for n, k in enumerate(kinds)))


@becomes(NO, "DEP-MEMBER-TWICE")
def zip_with_a_file_where_a_folder_is(at: Path) -> Path:
    return zip_of(at, Zipped(b"x/y"), Zipped(b"x"), Zipped(b"./first.txt"))


@becomes(OK)
def zip_out_of_order(at: Path) -> Path:
    """The directory may list members in any order."""
    path = zip_of(at, Zipped(b"a"), Zipped(b"bb"))
    data = bytearray(path.read_bytes())
    one = data.find(b"PK\1\2")
    two, three = data.find(b"PK\1\2", one + 1), data.rfind(b"PK\1\2")
    stop = data.rfind(b"PK\5\6")
    data[one:stop] = data[three:stop] + data[two:three] + data[one:two]
    path.write_bytes(data)
    return path


@becomes(KEPT)
def zip_of_no_members(at: Path) -> Path:
    path = at.with_name(at.name + ".zip")
    path.write_bytes(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0))
    return path


@becomes(NO, "DEP-NOT-A-DEPOSIT")
def lone_file_that_is_a_zip_inside(at: Path) -> Path:
    return zip_of(at, Zipped(b"word/document.xml"), suffix=".docx")


@becomes(NO, "DEP-NOT-A-DEPOSIT")
def archive_of_another_kind(at: Path) -> Path:
    path = at.with_name(at.name + ".7z")
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    return path


@becomes(NO, "DEP-CONTAINER")
def rar_called_zip(at: Path) -> Path:
    path = at.with_name(at.name + ".zip")
    path.write_bytes(b"Rar!\x1a\x07\0" + bytes(100))
    return path


@becomes(NO, "DEP-BOMB")
def zip_of_zeros_without_end(at: Path) -> Path:
    """A good ratio for each member, too good a one for all."""
    return zip_of(at, *(Zipped(b"z%d" % n, bytes(9 << 20)) for n in range(8)))
