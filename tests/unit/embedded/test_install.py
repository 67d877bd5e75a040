"""Finding the Triton that ships in a wheel, and saying why it cannot run."""

import ctypes
import importlib.util
import platform
import sys
import sysconfig

import pytest

from charter_engine.embedded.install import EmbeddedUnavailable, locate


def test_everything_needed_is_found_here() -> None:
    found = locate()
    assert found.server.is_file() and found.stub.is_file() and found.backend.is_dir()


def test_another_platform_is_told_to_use_a_triton_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(EmbeddedUnavailable, match=r"Linux x86-64 only.*--triton HOST:PORT"):
        locate()


def test_a_newer_python_is_told_which_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    with pytest.raises(EmbeddedUnavailable, match=r"run Charter on Python 3\.11 or 3\.12"):
        locate()


def test_a_missing_wheel_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedUnavailable, match=r"pip install 'charter-kv\[embedded\]'"):
        locate()


def test_a_python_without_its_shared_library_names_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: "/nonexistent" if name == "LIBDIR" else ""
    )
    monkeypatch.setattr(sys, "base_prefix", "/nonexistent")
    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(
        EmbeddedUnavailable, match=rf"apt install libpython3\.{sys.version_info.minor}"
    ):
        locate()
