"""The text files of an agent's folder, as far as its prompts may be in them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

SUFFIXES = frozenset(
    ".txt .md .mdx .prompt .prompty .tmpl .template .jinja .jinja2 .j2 .yaml .yml .toml .json "
    ".xml .html".split()
)
MOST_BYTES = 256 * 1024
"""A larger file is data, not a prompt."""

ABSENT = ""
"""The digest of what isn't there, or may not be read."""


class FolderFiles:
    """Reads files below `root`, and keeps the digests of all that it looked for, by their paths.

    A link that leads out of the folder is not followed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.seen: dict[str, str] = {}
        self._found: dict[tuple[str, str], tuple[str, str] | None] = {}

    def read(self, path: str, near: str) -> tuple[str, str] | None:
        """The full path and the text of a file, looked for from the folder of the source `near` up
        to the root, and read once; None where there is none that may be read."""
        if (path, near) not in self._found:
            self._found[path, near] = self._read(path, near)
        return self._found[path, near]

    def _read(self, path: str, near: str) -> tuple[str, str] | None:
        for candidate in self._candidates(path, near):
            content = content_of(candidate, self.root)
            self.seen[str(candidate)] = digest_of(content)
            if content is not None:
                try:
                    return str(candidate), content.decode("utf-8-sig")
                except UnicodeDecodeError:
                    return None
        return None

    def _candidates(self, path: str, near: str) -> Iterator[Path]:
        if "\0" in path or Path(path).suffix.lower() not in SUFFIXES:
            return
        folder = Path(near).absolute().parent
        while folder.resolve().is_relative_to(self.root):
            yield folder / path
            if Path(path).is_absolute() or folder.resolve() == self.root:
                return
            folder = folder.parent


def content_of(path: Path, root: Path) -> bytes | None:
    """What a file below a folder holds; None where it leads elsewhere, is none, or is too large."""
    try:
        whole = path.resolve()
        if not whole.is_relative_to(root) or not whole.is_file():
            return None
        return whole.read_bytes() if whole.stat().st_size <= MOST_BYTES else None
    except (OSError, RuntimeError):
        return None


def digest_of(content: bytes | None) -> str:
    return ABSENT if content is None else hashlib.sha256(content).hexdigest()


def are_unchanged(seen: Mapping[str, str], root: Path) -> bool:
    """Whether files are what they were when they were looked for."""
    if not seen:
        return True
    whole = root.resolve()
    return all(digest_of(content_of(Path(path), whole)) == digest for path, digest in seen.items())
