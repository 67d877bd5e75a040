"""Columns of numbers in a file of NumPy's `.npz` form, which can be mapped into memory."""

import io
import mmap
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_npy: Any = np.lib.format
_ALIGNMENT = 64
"""Taken from NumPy's format, which aligns data to 64 bytes."""
_LONGEST_HEADER = 1 << 14
"""Assumed: a hundred times the header of a column of numbers."""
_LOCAL_HEADER = struct.Struct("<26x2H")
"""The lengths of a stored file's name and of its extra field, at the end of its header."""
_EXTRA = struct.Struct("<2H")
_PADDING = 0xD935
"""What zipalign calls an extra field that only moves what stands behind it."""
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
)  # fmt: skip


def write_columns(columns: Mapping[str, NDArray[Any]], file: BinaryIO) -> None:
    """Write columns as `numpy.savez` does, each where it can be mapped. Raises OSError."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as stored:
        for name, column in columns.items():
            info = zipfile.ZipInfo(f"{name}.npy")
            info.file_size = column.nbytes
            begun = file.tell() + _LOCAL_HEADER.size + len(info.filename) + _EXTRA.size
            padding = -begun % _ALIGNMENT
            info.extra = _EXTRA.pack(_PADDING, padding) + bytes(padding)
            with stored.open(info, "w") as entry:
                _npy.write_array(entry, np.ascontiguousarray(column), allow_pickle=False)


class Columns:
    """The columns of a file. Raises OSError, and ValueError for another file.

    `mapped`: they stay in the file until they are looked at, and their checksums are not compared.
    That is for files that nobody writes to in place.
    """

    def __init__(self, path: Path, *, mapped: bool = False) -> None:
        self._mapped = mapped
        self._bytes: mmap.mmap | bytearray
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as stored:
                self._entries = {info.filename: info for info in stored.infolist()}
                if mapped:
                    # Copied where it is written to, so that the file stays as it is.
                    self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
                else:
                    self._bytes = bytearray(os.fstat(file.fileno()).st_size)
                    file.seek(0)
                    file.readinto(self._bytes)
        except _DAMAGED as error:
            raise _damage(error) from error

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._entries

    def column(self, name: str, kind: type[np.generic]) -> NDArray[Any]:
        """One column. Raises KeyError where there is none of that name, and ValueError for what is
        no such column or is damaged."""
        info = self._entries[f"{name}.npy"]
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is packed")
        try:
            begin, end = self._place(info)
            header = io.BytesIO(self._bytes[begin : min(end, begin + _LONGEST_HEADER)])
            _npy.read_magic(header)
            shape, _, dtype = _npy.read_array_header_1_0(header)
        except _DAMAGED as error:
            raise _damage(error) from error
        begin += header.tell()
        if dtype != kind or len(shape) != 1 or begin + shape[0] * dtype.itemsize != end:
            raise ValueError(f"{name} is no column of {kind.__name__}")
        found = np.frombuffer(self._bytes, dtype, shape[0], begin)
        return np.require(found, requirements=["ALIGNED", "WRITEABLE"])

    def _place(self, info: zipfile.ZipInfo) -> tuple[int, int]:
        """Where the bytes of an entry begin and end."""
        lengths = _LOCAL_HEADER.unpack_from(self._bytes, info.header_offset)
        begin = info.header_offset + _LOCAL_HEADER.size + sum(lengths)
        end = begin + info.file_size
        if end > len(self._bytes):
            raise EOFError(f"{info.filename} is cut off")
        if not self._mapped and zlib.crc32(memoryview(self._bytes)[begin:end]) != info.CRC:
            raise zipfile.BadZipFile(f"bad checksum of {info.filename}")
        return begin, end


def _damage(error: Exception) -> ValueError:
    return ValueError(f"damaged, or no binary form of a workload ({error})")
