"""Credentials for a Triton, as they are named on a command line: never by themselves.

A command line can be read by every user of the machine and stays in the shell's history.
"""

import os
import re
import stat
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from charter_engine.errors import UsageError
from charter_engine.scrub import keep_secret

NAME = re.compile(r"[0-9a-z_.-]+")
"""What gRPC takes as a key of metadata: nothing in upper case (grpc.io, "Metadata")."""
VALUE = re.compile(r"[ -~]*")
FROM_VARIABLE = "env:"
FROM_FILE = "@"
FROM_KEYRING = "keyring:"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
FORM = "NAME=env:VARIABLE, NAME=@FILE or NAME=keyring:SERVICE/USER"


def header_of(text: str, place: str = "--triton-header") -> tuple[str, str]:
    """The header that `NAME=env:VARIABLE`, `NAME=@FILE` or `NAME=keyring:SERVICE/USER` names; any
    other value is taken as it is.

    Names are put in lower case. Raises `UsageError`, which names the `place` and never quotes what
    may be a credential.
    """
    name, separator, source = text.partition("=")
    name = name.lower()
    if not separator or not NAME.fullmatch(name):
        raise UsageError(
            f"{place}: not a name, `=` and where its value is",
            remedy=f"write {FORM}; a name has letters, digits and `-_.`",
        )
    value = _value(f"{place} {name}", source)
    keep_secret(value)
    if not VALUE.fullmatch(value):
        raise UsageError(
            f"{place} {name}: its value has characters that a header can't",
            remedy="use printable ASCII; a file may end with one line break",
        )
    return name, value


def keep_password(url: str | None) -> None:
    """From now on the password in an address is not said."""
    keep_secret(urlsplit(url or "").password or "")


def is_in_the_open(text: str) -> bool:
    """Whether a `--triton-header` holds its value itself, for all to read."""
    return not text.partition("=")[2].startswith((FROM_VARIABLE, FROM_FILE, FROM_KEYRING))


def key_of(option: str, source: str | None) -> str:
    """The key that `env:VARIABLE`, `@FILE` or `keyring:SERVICE/USER` names; empty for None.

    Raises `UsageError`, which never quotes what may be a key.
    """
    if source is None:
        return ""
    if not source.startswith((FROM_VARIABLE, FROM_FILE, FROM_KEYRING)):
        raise UsageError(
            f"{option}: a key on the command line can be read by every user",
            remedy="write env:VARIABLE, @FILE or keyring:SERVICE/USER",
        )
    value = _value(option, source)
    keep_secret(value)
    if not value or not VALUE.fullmatch(value):
        raise UsageError(f"{option}: no key of printable ASCII is there")
    return value


def _value(option: str, source: str) -> str:
    if source.startswith(FROM_VARIABLE):
        variable = source.removeprefix(FROM_VARIABLE)
        if variable not in os.environ:
            raise UsageError(
                f"{option}: the environment has no {variable}",
                remedy="export it, or name a file by @FILE",
            )
        return os.environ[variable]
    if source.startswith(FROM_FILE):
        return _from_file(option, Path(source.removeprefix(FROM_FILE)).expanduser())
    if source.startswith(FROM_KEYRING):
        return _from_keyring(option, source.removeprefix(FROM_KEYRING))
    return source


def _from_keyring(option: str, place: str) -> str:
    """The password that the desktop's or the system's keyring has for a service and a user."""
    try:
        keyring = import_module("keyring")
        errors = import_module("keyring.errors")
    except ImportError:
        raise UsageError(
            f"{option}: the package keyring is not installed",
            remedy="pip install 'charter-kv[keyring]', or name a file: @FILE",
        ) from None
    service, separator, user = place.partition("/")
    if not (service and separator and user):
        raise UsageError(f"{option}: not keyring:SERVICE/USER", remedy="write keyring:SERVICE/USER")
    try:
        password = keyring.get_password(service, user)
    except errors.KeyringError as error:
        raise UsageError(f"{option}: the keyring can't be read: {error}") from None
    if password is None:
        raise UsageError(
            f"{option}: the keyring has nothing for {service}/{user}",
            remedy=f"keyring set {service} {user}",
        )
    return str(password)


def _from_file(option: str, path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(f"{option}: {path} is not a file")
        if mode & OTHERS:
            raise UsageError(f"{option}: other users may read {path}", remedy=f"chmod 600 {path}")
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError(f"{option}: {path} is not text") from None
    except OSError as error:
        raise UsageError(f"{option}: {path}: {error.strerror}") from None
