"""Keeps the files of this process, and of all that it starts, its user's alone.

A mask is not enough: Triton's Python backend keeps prompts and answers in shared memory, and
Boost.Interprocess gives each region the mode 0644 by fchmod after it was made
(boost/interprocess/shared_memory_object.hpp). A reader who opens it at that moment can read on. So
this one call does nothing here (seccomp(2)): it reports success, and the mask holds.

Standard library only: the supervisor runs without installed packages. AMD64 only, as Triton's
wheel is.
"""

import ctypes
import os
import struct

MASK = 0o077
OPENED_MODE = 0o644
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
AUDIT_ARCH_X86_64 = 0xC000003E
FCHMOD = 91
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
"""BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K and BPF_RET|BPF_K (linux/bpf_common.h)."""
CALL_AT, ARCHITECTURE_AT, SECOND_ARGUMENT_AT = 0, 4, 24
"""Of `struct seccomp_data` (linux/seccomp.h)."""
ALLOW = 0x7FFF0000
SUCCEED = 0x00050000
"""SECCOMP_RET_ERRNO with the error number 0: the call returns 0 without having been made."""
FILTER = (
    (LOAD, 0, 0, ARCHITECTURE_AT),
    (EQUALS, 0, 5, AUDIT_ARCH_X86_64),
    (LOAD, 0, 0, CALL_AT),
    (EQUALS, 0, 3, FCHMOD),
    (LOAD, 0, 0, SECOND_ARGUMENT_AT),
    (EQUALS, 0, 1, OPENED_MODE),
    (RETURN, 0, 0, SUCCEED),
    (RETURN, 0, 0, ALLOW),
)
"""Code, jump if true, jump if false, value: `struct sock_filter` (linux/filter.h)."""


def keep_files_private() -> None:
    """From now on, and for every process started from here. Raises `OSError` where the system has
    no seccomp."""
    os.umask(MASK)
    instructions = b"".join(struct.pack("=HBBI", *item) for item in FILTER)
    kept = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("@HP", len(FILTER), ctypes.addressof(kept))
    held = ctypes.create_string_buffer(program, len(program))
    _control(PR_SET_NO_NEW_PRIVS, 1)
    _control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(held))


def _control(option: int, first: int, second: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *(ctypes.c_ulong(value) for value in (first, second, 0, 0))) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
