"""Finds the real Triton that ships in the `nvidia-pytriton` wheel.

Where it cannot run, the error says why in plain words.
"""

import ctypes
import importlib.util
import platform
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from charter_engine.triton.errors import TritonError

NEWEST_PYTHON = (3, 12)
"""Taken from nvidia-pytriton, which wants NumPy 1: that has no wheels for a newer one."""


class EmbeddedUnavailable(TritonError):
    """The embedded Triton cannot run on this machine.

    The message says why, and the remedy what would help.
    """


@dataclass(frozen=True)
class Installation:
    """Where the parts of an embedded Triton lie. `libraries` goes in front of `LD_LIBRARY_PATH`."""

    server: Path
    backend: Path
    stub: Path
    libraries: tuple[Path, ...]


def locate() -> Installation:
    """The installed Triton. Raises `EmbeddedUnavailable`."""
    _require_platform()
    package = _package_directory()
    root = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    installation = Installation(
        server=root / "bin" / "tritonserver",
        backend=root / "backends" / "python",
        stub=root / "python_backend_stubs" / version / "triton_python_backend_stub",
        libraries=(package.parent / "nvidia_pytriton.libs", *_libpython_directories()),
    )
    for part in (installation.server, installation.backend, installation.stub):
        if not part.exists():
            raise EmbeddedUnavailable(
                f"the installed nvidia-pytriton has no {part.relative_to(package)}",
                remedy="reinstall it: pip install --force-reinstall 'charter-kv[embedded]'",
            )
    return installation


def _require_platform() -> None:
    machine = platform.machine()
    if sys.platform != "linux" or machine != "x86_64":
        raise EmbeddedUnavailable(
            f"the embedded Triton runs on Linux x86-64 only; this is {sys.platform} {machine}",
            remedy="point Charter at a Triton elsewhere: --triton HOST:PORT",
        )
    if sys.version_info[:2] > NEWEST_PYTHON:
        raise EmbeddedUnavailable(
            f"no embedded Triton for Python {platform.python_version()}: it runs on 3.11 and 3.12",
            remedy="run Charter on Python 3.11 or 3.12, or use --triton HOST:PORT",
        )


def _package_directory() -> Path:
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable(
            "the package nvidia-pytriton, which holds the Triton binary, is not installed",
            remedy="pip install 'charter-kv[embedded]', or use --triton HOST:PORT",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _libpython_directories() -> tuple[Path, ...]:
    """The directory of the shared libpython the stub links to.

    Empty where the loader finds it by itself.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = f"libpython{version}.so.1.0"
    library_directory = Path(sysconfig.get_config_var("LIBDIR") or "/nonexistent")
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for directory in (
        library_directory,
        library_directory / multiarch,
        Path(sys.base_prefix) / "lib",
    ):
        if (directory / name).exists():
            return (directory,)
    try:
        ctypes.CDLL(name)
    except OSError:
        raise EmbeddedUnavailable(
            f"Triton's Python backend needs {name}, and this Python was built without it",
            remedy=f"on Debian or Ubuntu: apt install libpython{version}; with pyenv: "
            "rebuild this Python with PYTHON_CONFIGURE_OPTS=--enable-shared",
        ) from None
    return ()
