"""Starts a program with arguments that no other user can read.

What a process was started with stands in `/proc/PID/cmdline`, which everybody may read; its
environment stands in `/proc/PID/environ`, which only its own user may (proc(5)). Triton takes the
keys of its restricted endpoints as arguments only. So it is started with `@NAME` in place of such
an argument, and is held by the kernel before its first instruction (ptrace(2), `PTRACE_TRACEME`).
There the pointer to `@NAME` is turned to the value of the environment variable NAME, which lies on
the same stack (System V ABI, AMD64, 3.4.1: argc, the pointers of argv, zero, those of the
environment, zero). At no moment does the command line hold the value.

Standard library only: the supervisor runs without installed packages.
"""

import ctypes
import os
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

PTRACE_TRACEME = 0
PTRACE_PEEKUSER = 3
PTRACE_DETACH = 17
STACK_POINTER_OFFSET = 19 * 8
"""Of `rsp` in the AMD64 `user_regs_struct` (sys/user.h)."""
WORD = struct.Struct("=Q")
CHUNK_BYTES = 256
"""Assumed: longer than an argument that a program is started with."""
SIGN = "@"


class CannotHide(OSError):
    """This machine lets no process hold its own child (a sandbox without ptrace)."""


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    before_exec: Callable[[], object] = lambda: None,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start `command`; its arguments `@NAME` are read by it as the values in `environment`.

    `before_exec` runs in the child, `options` are those of `subprocess.Popen`. The calling process
    must have one thread. Raises `CannotHide`, or `OSError` where the program cannot be started.
    """

    def prepare() -> None:
        before_exec()
        if _ptrace(PTRACE_TRACEME, 0) != 0:
            os._exit(os.EX_NOPERM)

    process = subprocess.Popen(
        command,
        env=environment,
        preexec_fn=prepare,  # noqa: PLW1509 (the calling process has one thread)
        **options,
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        process.returncode = os.waitstatus_to_exitcode(status)
        raise CannotHide(f"a child ended with {process.returncode} and could not be held")
    try:
        _turn_arguments(process.pid)
    except BaseException:
        process.kill()
        process.wait()
        raise
    _ptrace(PTRACE_DETACH, process.pid)
    return process


def _turn_arguments(process: int) -> None:
    stack = ctypes.c_ulong(_ptrace(PTRACE_PEEKUSER, process, STACK_POINTER_OFFSET)).value
    with Path(f"/proc/{process}/mem").open("r+b", buffering=0) as memory:
        count = _word(memory, stack)
        arguments = stack + WORD.size
        variables = arguments + WORD.size * (count + 1)
        places = dict(_environment(memory, variables))
        for slot in range(arguments, arguments + WORD.size * count, WORD.size):
            name = _text(memory, _word(memory, slot))
            if name.startswith(SIGN.encode()) and name[len(SIGN) :] in places:
                memory.seek(slot)
                memory.write(WORD.pack(places[name[len(SIGN) :]]))


def _environment(memory: BinaryIO, slot: int) -> Iterator[tuple[bytes, int]]:
    """The names of the variables, and where their values lie."""
    while address := _word(memory, slot):
        name = _text(memory, address).partition(b"=")[0]
        yield name, address + len(name) + 1
        slot += WORD.size


def _word(memory: BinaryIO, address: int) -> int:
    memory.seek(address)
    return int(WORD.unpack(memory.read(WORD.size))[0])


def _text(memory: BinaryIO, address: int) -> bytes:
    memory.seek(address)
    text = b""
    while b"\0" not in text:
        text += memory.read(CHUNK_BYTES)
    return text.partition(b"\0")[0]


def _ptrace(request: int, process: int, address: int = 0) -> int:
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.restype = ctypes.c_long
    call.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    return int(call(request, process, address, None))
