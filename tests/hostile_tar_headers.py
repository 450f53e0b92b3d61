"""Hostile tars, header by header: names, numbers, extended headers, holes, ends."""

from __future__ import annotations

from pathlib import Path

from hostile_headers import END, block, one, padded, pax, record, tar
from hostile_kinds import NO, OK, becomes


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_that_slips_by_its_prefix(at: Path) -> Path:
    return tar(at, one(b"new", prefix=b"../../../outside"))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_that_slips_by_a_pax_path(at: Path) -> Path:
    return tar(at, pax({b"path": b"../../../outside/new"}), one(b"honest.txt"))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_that_slips_by_a_long_name(at: Path) -> Path:
    return tar(at, one(b"././@LongLink", b"../" * 50 + b"tmp/new\0", b"L"), one(b"honest.txt"))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_with_a_nul_in_a_pax_path(at: Path) -> Path:
    return tar(at, pax({b"path": b"a\0b"}), one(b"x"))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_with_no_name(at: Path) -> Path:
    return tar(at, one(b""))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def tar_with_names_of_slashes_and_dots(at: Path) -> Path:
    return tar(at, one(b"."), one(b".."), one(b"a//b"), one(b"a/./b"), one(b"/"), one(b"./.."))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_global_path(at: Path) -> Path:
    return tar(at, pax({b"path": b"all"}, b"g"), one(b"a"), one(b"b"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_global_size(at: Path) -> Path:
    return tar(at, pax({b"size": b"0"}, b"g"), one(b"a", one(b"hidden")))


@becomes(OK)
def tar_with_a_global_comment(at: Path) -> Path:
    return tar(at, pax({b"comment": b"0" * 40}, b"g"), one(b"a"))


@becomes(OK)
def tar_whose_pax_size_rules(at: Path) -> Path:
    """The header says 0, the record 3: who believed the header would take data for a header."""
    return tar(at, pax({b"size": b"3"}), block(b"x") + padded(b"one"))


@becomes(OK)
def tar_whose_pax_size_is_not_for_the_long_name(at: Path) -> Path:
    name = one(b"././@LongLink", b"n" * 120 + b"\0", b"L")
    return tar(at, pax({b"size": b"3"}), name, block(b"x") + padded(b"one"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_pax_size_that_is_none(at: Path) -> Path:
    return tar(at, pax({b"size": b"-3"}), one(b"x"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_pax_record_that_lies_about_its_length(at: Path) -> Path:
    return tar(at, one(b"PAX", b"99 path=a\n", b"x"), one(b"x"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_pax_records_of_noise(at: Path) -> Path:
    return tar(at, one(b"PAX", b"\xff" * 100, b"x"), one(b"x"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_an_extended_header_and_no_member(at: Path) -> Path:
    return tar(at, pax({b"path": b"x"}))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_long_name_of_a_gigabyte(at: Path) -> Path:
    return tar(at, block(b"././@LongLink", 1 << 30, b"L"), bytes(4096))


@becomes(OK)
def tar_with_a_thousand_extended_headers(at: Path) -> Path:
    return tar(at, *(pax({b"comment": b"x"}) for _ in range(1000)), one(b"x"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_extended_headers_without_end(at: Path) -> Path:
    comment = pax({b"comment": b"x" * 900_000})
    return tar(at, *(comment for _ in range(10)), one(b"x"))


@becomes(OK)
def tar_with_a_hundred_thousand_records(at: Path) -> Path:
    """One header of them: who looked at the rest for each would never end."""
    return tar(at, one(b"PAX", record(b"comment", b"") * 60_000, b"x"), one(b"x"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_folder_of_octets(at: Path) -> Path:
    """Programs that skip them and programs that do not find other members here."""
    return tar(at, one(b"sub/", one(b"hidden"), b"5"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_link_of_octets(at: Path) -> Path:
    return tar(at, one(b"link", one(b"hidden"), b"2", target=b"first.txt"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_size_below_zero(at: Path) -> Path:
    return tar(at, block(b"x", b"\xff" * 12))


@becomes(NO, "DEP-FILE-SIZE")
def tar_with_a_size_of_sixteen_exbibytes(at: Path) -> Path:
    return tar(at, block(b"x", b"\x80\0\0\0\xff" + b"\xff" * 7))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_size_that_is_no_number(at: Path) -> Path:
    return tar(at, block(b"x", b"banana\0"))


@becomes(OK)
def tar_with_times_and_modes_that_never_were(at: Path) -> Path:
    return tar(
        at,
        one(b"future", mtime=b"\x80\0\0\0" + b"\xff" * 8),
        one(b"past", mtime=b"\xff" * 4 + b"\0" * 8),
        one(b"suid", mode=b"0007777\0"),
        one(b"none", mode=b"0000000\0"),
        pax({b"mtime": b"nan"}) + one(b"nan"),
        pax({b"mtime": b"9" * 15}) + one(b"far"),
    )


@becomes(NO, "DEP-CONTAINER")
def tar_whose_header_has_no_checksum(at: Path) -> Path:
    return tar(at, one(b"x", chksum=b"\0" * 8))


@becomes(OK)
def tar_summed_with_signed_octets(at: Path) -> Path:
    made = block("é".encode(), 3)
    blanked = made[:148] + b" " * 8 + made[156:]
    signed = sum(octet - 256 if octet > 127 else octet for octet in blanked)
    return tar(at, made[:148] + b"%06o\0 " % signed + made[156:] + padded(b"one"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_lone_zero_block_in_the_middle(at: Path) -> Path:
    return tar(at, bytes(512), one(b"hidden"))


@becomes(NO, "DEP-CONTAINER")
def tar_without_an_end(at: Path) -> Path:
    return tar(at, one(b"x"), end=b"")


@becomes(NO, "DEP-CONTAINER")
def tar_with_octets_far_behind_its_end(at: Path) -> Path:
    return tar(at, end=END + bytes(1 << 20) + b"hidden")


@becomes(OK)
def tar_padded_with_zeros(at: Path) -> Path:
    return tar(at, end=END + bytes(1 << 20))


@becomes(NO, "DEP-CONTAINER")
def tar_of_nothing_but_zeros(at: Path) -> Path:
    path = at.with_name(at.name + ".tar")
    path.write_bytes(bytes(3 << 20))
    return path


@becomes(OK)
def tar_older_than_ustar(at: Path) -> Path:
    old = {"magic": b"", "version": b""}
    return tar(at, one(b"sub/", b"", **old), one(b"sub/x", kind=b"\0", **old))


@becomes(OK)
def tar_with_a_label(at: Path) -> Path:
    return tar(at, one(b"Backup of Tuesday", b"", b"V"))


@becomes(NO, "DEP-CONTAINER")
def tar_that_continues_another_volume(at: Path) -> Path:
    return tar(at, one(b"big", b"rest of it", b"M"))


@becomes(NO, "DEP-CONTAINER")
def tar_with_a_list_of_what_was_deleted(at: Path) -> Path:
    return tar(at, one(b"sub/", b"Yfile\0Dother\0\0", b"D"))


@becomes(NO, "DEP-NAME-ENCODING")
def tar_with_names_that_are_not_utf_8(at: Path) -> Path:
    return tar(at, one(b"caf\xe9"), pax({b"path": b"caf\xe9/\xff"}), one(b"x"))


@becomes(OK, "DEP-NAME-CONTROL")
def tar_with_names_with_controls(at: Path) -> Path:
    names = (b"a\nb", b"a\rb", b"\x1b[31m", "\u202egpj.txt".encode(), b"a\tb", b"-rf", b"%0A", b" ")
    return tar(at, *(one(name, name) for name in names))


@becomes(OK, "DEP-NAME-TWIN")
def tar_with_twins(at: Path) -> Path:
    return tar(at, one("é".encode()), one("e\u0301".encode()), one(b"A"), one(b"a"))


@becomes(NO, "DEP-DEPTH", "DEP-PATH-LENGTH")
def tar_with_a_path_of_ten_thousand_folders(at: Path) -> Path:
    return tar(at, pax({b"path": b"d/" * 10_000 + b"x"}), one(b"x"))


@becomes(NO, "DEP-PATH-LENGTH")
def tar_with_a_name_of_a_thousand_octets(at: Path) -> Path:
    return tar(at, pax({b"path": b"n" * 1000}), one(b"x"))


@becomes(NO, "DEP-MEMBER-TWICE")
def tar_with_a_file_where_a_folder_is(at: Path) -> Path:
    return tar(at, one(b"x/y"), one(b"x"))


@becomes(NO, "DEP-MEMBER-TWICE")
def tar_with_a_folder_where_a_file_is(at: Path) -> Path:
    return tar(at, one(b"x"), one(b"x/", b"", b"5"))


@becomes(OK)
def tar_with_a_folder_twice(at: Path) -> Path:
    return tar(
        at, one(b"./", b"", b"5"), one(b"x/", b"", b"5"), one(b"x/", b"", b"5"), one(b"./x/y")
    )


# --- links ---------------------------------------------------------------------------------


@becomes(OK)
def tar_with_a_chain_of_hard_links(at: Path) -> Path:
    links = (one(b"l%d" % n, b"", b"1", target=b"l%d" % (n - 1)) for n in range(1, 50))
    return tar(at, one(b"l0"), *links)


@becomes(NO, "DEP-LINK")
def tar_with_a_hard_link_to_what_comes_later(at: Path) -> Path:
    return tar(at, one(b"l", b"", b"1", target=b"later"), one(b"later"))


@becomes(NO, "DEP-LINK")
def tar_with_a_hard_link_to_itself(at: Path) -> Path:
    return tar(at, one(b"l", b"", b"1", target=b"l"))


@becomes(NO, "DEP-LINK")
def tar_with_a_hard_link_to_a_folder(at: Path) -> Path:
    return tar(at, one(b"sub/x"), one(b"l", b"", b"1", target=b"sub"))


@becomes(NO, "DEP-LINK-ESCAPES")
def tar_with_hard_links_that_leave(at: Path) -> Path:
    return tar(
        at,
        one(b"a", b"", b"1", target=b"/etc/passwd"),
        one(b"b", b"", b"1", target=b"x/../../../outside/canary"),
        pax({b"linkpath": b"../../outside/canary"}) + one(b"c", b"", b"1", target=b"first.txt"),
        pax({b"linkpath": b"first.txt\0/../../.."}) + one(b"d", b"", b"1", target=b"first.txt"),
    )


@becomes(NO, "DEP-MEMBER-TWICE")
def tar_with_a_hard_link_over_a_file(at: Path) -> Path:
    return tar(at, one(b"a"), one(b"b", b"two"), one(b"b", b"", b"1", target=b"a"))


@becomes(NO, "DEP-SIZE")
def tar_with_hard_links_that_make_much_of_little(at: Path) -> Path:
    links = (one(b"l%d" % n, b"", b"1", target=b"big") for n in range(20))
    return tar(at, one(b"big", bytes(9 << 20)), *links)


# --- files with holes ----------------------------------------------------------------------


def _sparse(parts: bytes, real: bytes, data: bytes, more: bytes = b"\0") -> bytes:
    made = bytearray(block(b"hole", len(data), b"S", magic=b"ustar ", version=b" \0"))
    made[386:482] = parts.ljust(96, b"\0")
    made[482:483] = more
    made[483:495] = real
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made) + padded(data)


def _part(start: int, octets: int) -> bytes:
    return b"%011o\0%011o\0" % (start, octets)


@becomes(OK)
def sparse_member(at: Path) -> Path:
    return tar(at, _sparse(_part(0, 3) + _part(5000, 3), b"%011o\0" % 9000, b"onetwo"))


@becomes(NO, "DEP-CONTAINER")
def sparse_member_whose_parts_overlap(at: Path) -> Path:
    return tar(at, _sparse(_part(0, 3) + _part(1, 3), b"%011o\0" % 9000, b"onetwo"))


@becomes(NO, "DEP-CONTAINER")
def sparse_member_whose_parts_lie_beyond_its_end(at: Path) -> Path:
    return tar(at, _sparse(_part(0, 3) + _part(8998, 3), b"%011o\0" % 9000, b"onetwo"))


@becomes(NO, "DEP-CONTAINER")
def sparse_member_whose_parts_are_more_than_its_data(at: Path) -> Path:
    return tar(at, _sparse(_part(0, 4000), b"%011o\0" % 9000, b"one"))


@becomes(NO, "DEP-CONTAINER")
def sparse_member_whose_map_never_ends(at: Path) -> Path:
    return tar(
        at, _sparse(_part(0, 3), b"%011o\0" % 9000, b"one", b"\1"), (b"\0" * 504 + b"\1" * 8) * 9
    )


@becomes(NO, "DEP-CONTAINER")
def sparse_member_with_a_map_of_a_million_million_parts(at: Path) -> Path:
    told = {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0", b"GNU.sparse.realsize": b"9"}
    return tar(at, pax(told), one(b"x", b"1000000000000\n" + b"0\n" * 100))


@becomes(NO, "DEP-CONTAINER")
def sparse_member_with_an_odd_map(at: Path) -> Path:
    return tar(at, pax({b"GNU.sparse.map": b"0,3,4", b"GNU.sparse.size": b"9"}), one(b"x"))


@becomes(NO, "DEP-FILE-SIZE")
def sparse_member_of_an_exbibyte(at: Path) -> Path:
    told = {b"GNU.sparse.map": b"0,3", b"GNU.sparse.size": b"%d" % (1 << 60)}
    return tar(at, pax(told), one(b"x"))


@becomes(NO, "DEP-MEMBER-ESCAPES")
def sparse_member_that_slips_by_its_name(at: Path) -> Path:
    told = {b"GNU.sparse.map": b"0,3", b"GNU.sparse.size": b"9", b"GNU.sparse.name": b"../../x"}
    return tar(at, pax(told), one(b"x"))


@becomes(OK)
def tar_with_records_that_nobody_knows(at: Path) -> Path:
    return tar(at, pax({b"SCHILY.xattr.user.x": b"\0\xff\n=", b"VENDOR.x": b""}), one(b"x"))
