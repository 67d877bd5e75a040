"""Work in a thread whose memory goes back to the system when it is done."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

from charter_engine.service.heap import work_apart

PIECES = 400_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fragment() -> list[bytes]:
    """Free all but every hundredth of many pieces, so that none of the heap's pages is last."""
    return [bytes(600) for _ in range(PIECES)][::100]


async def test_what_work_gives_and_raises_is_given_and_raised() -> None:
    assert await work_apart(divmod, 7, 3) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        await work_apart(divmod, 7, 0)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="only glibc keeps what is freed in pieces",
)
async def test_what_work_freed_in_pieces_goes_back_to_the_system() -> None:
    before = resident_bytes()
    kept = await work_apart(fragment)
    assert kept
    assert resident_bytes() - before < PIECES * 600 / 2
