"""Headers for a Triton: where their values come from, and what is never said of them."""

import sys
from pathlib import Path

import pytest

from charter_engine.api.credentials import header_of, is_in_the_open
from charter_engine.errors import UsageError
from charter_engine.scrub import scrub

SECRET = "unspeakable-4711"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def test_a_value_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_KEY", SECRET)
    assert header_of("Admin-Key=env:TRITON_KEY") == ("admin-key", SECRET)


def test_a_value_comes_from_a_file_without_its_line_break(file: Path) -> None:
    assert header_of(f"authorization=@{file}") == ("authorization", SECRET)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(UsageError, match="other users may read") as caught:
        header_of(f"a=@{file}")
    assert caught.value.remedy == f"chmod 600 {file}"


@pytest.mark.parametrize("text", ["a=@/nowhere", "a=@/dev/null", "a=env:CHARTER_NOT_THERE"])
def test_a_source_that_is_none_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="--triton-header a"):
        header_of(text)


@pytest.mark.parametrize(
    "text", [SECRET, f"={SECRET}", f"a b={SECRET}", f"{SECRET} {SECRET}", f"ä={SECRET}"]
)
def test_what_is_no_header_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        header_of(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [f"{SECRET}\n", f"{SECRET}ü", f"{SECRET}\0x"])
def test_a_value_that_no_header_can_have_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        header_of(f"a={value}")
    assert SECRET not in str(caught.value)


def test_a_value_in_the_open_is_taken_and_known_as_such() -> None:
    assert header_of("a=b=c") == ("a", "b=c")
    assert is_in_the_open("a=b=c")
    assert not is_in_the_open("a=env:B") and not is_in_the_open("a=@b")


def test_a_value_once_read_is_masked_in_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_KEY", "quoted'\"value")
    header_of("a=env:TRITON_KEY")
    assert "quoted" not in scrub(repr("quoted'\"value")) + scrub("is quoted'\"value there")


class Keyring:
    """The package `keyring`, with one password in it."""

    class errors:  # noqa: N801 - the package's own name
        class KeyringError(Exception):
            pass

    @staticmethod
    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise Keyring.errors.KeyringError("it is locked")
        return {("triton", "operator"): SECRET}.get((service, user))


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", Keyring.errors)


def test_a_value_comes_from_the_keyring(keyring: None) -> None:
    assert header_of("admin-key=keyring:triton/operator") == ("admin-key", SECRET)
    assert not is_in_the_open("admin-key=keyring:triton/operator")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("triton/nobody", "has nothing for triton/nobody"),
        ("triton", "not keyring:SERVICE/USER"),
        ("locked/operator", "it is locked"),
    ],
)
def test_a_keyring_without_it_says_why(place: str, words: str, keyring: None) -> None:
    with pytest.raises(UsageError, match=words):
        header_of(f"admin-key=keyring:{place}")


def test_without_the_package_the_keyring_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match="keyring is not installed") as caught:
        header_of("admin-key=keyring:triton/operator")
    assert "charter-kv[keyring]" in caught.value.remedy
