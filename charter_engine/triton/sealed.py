"""Files that carry the checksum of their content, so that damage is told."""

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from charter_engine.files import write_atomically
from charter_engine.triton.errors import TritonError

T = TypeVar("T")


class _Sealed(Struct, frozen=True, kw_only=True):
    """A file's content and its SHA-256."""

    checksum: str
    content: msgspec.Raw


class Damaged(TritonError):
    """A journal file that is not what was written."""


def write_sealed(path: Path, content: object) -> None:
    """Replace a file as a whole, with one that only its user can read. Raises `OSError` naming
    it."""
    encoded = msgspec.json.encode(content)
    sealed = _Sealed(checksum=checksum_of(encoded), content=msgspec.Raw(encoded))
    try:
        write_atomically(path, msgspec.json.encode(sealed), private=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_sealed(path: Path, kind: type[T]) -> T | None:
    """What was written; None where there is no such file. Files of before there were checksums hold
    the content alone. Raises `Damaged`."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error.strerror}") from None
    try:
        sealed = msgspec.json.decode(text, type=_Sealed)
    except msgspec.ValidationError:
        content = text
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damage(path, str(error)) from None
    else:
        content = bytes(sealed.content)
        if checksum_of(content) != sealed.checksum:
            raise _damage(path, "its content and its checksum differ")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damage(path, str(error)) from None


def checksum_of(content: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _damage(path: Path, how: str) -> Damaged:
    return Damaged(
        f"{path} is damaged: {how}",
        remedy="put back a copy of this file; charter-engine history lists what is on record",
    )
