"""Takes from a thread what it does not need: names to open, files to write, the network.

Landlock, where the kernel has it: afterwards the thread, and whatever it starts, opens nothing
but what lies below the given places, creates, writes and removes nothing, runs no program and
makes no TCP connection. What is open already stays open, so that another thread of the process,
one that was started before, can open files for it. It can't be undone.

Source: Linux, Documentation/userspace-api/landlock.rst, ABI 1 to 7.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION = 1  # flag of the first: tell the ABI
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights of files an ABI knows
_TCP = 0b11  # bind, connect: since ABI 4
_SCOPES = 0b11  # abstract sockets, signals: since ABI 6


def confine(readable: Iterable[str]) -> bool:
    """Confine the calling thread for good.

    Args:
        readable: files and folders that it may still read; what is not there is left out.

    Returns:
        False where the kernel cannot do it: then nothing changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if abi < 1:
        return False
    rights = (1 << _RIGHTS.get(abi, 16)) - 1
    attributes = struct.pack("=QQQ", rights, _TCP, _SCOPES)[
        : 8 if abi < 4 else 16 if abi < 6 else 24
    ]
    ruleset = libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for place in readable:
            _allow(libc, ruleset, place, _READ_FILE | _READ_DIR)
        _allow(libc, ruleset, os.devnull, _READ_FILE | _WRITE_FILE)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, place: str, rights: int) -> None:
    try:
        fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        wanted = rights if os.path.isdir(f"/proc/self/fd/{fd}") else rights & ~_READ_DIR
        rule = struct.pack("=Qi", wanted, fd)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)
