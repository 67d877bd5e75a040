"""A recording in parts of bounded size: each can be opened alone, and the oldest go."""

from pathlib import Path


def turn_over(path: Path, keep: int) -> None:
    """Make way for a new part at `path`: what stands there becomes the first of the earlier ones,
    `demo.charter` `demo.1.charter`, each of these the next, and the last is deleted. Raises
    `OSError`."""
    part(path, keep).unlink(missing_ok=True)
    for number in reversed(range(keep)):
        if part(path, number).exists():
            part(path, number).rename(part(path, number + 1))


def part(path: Path, number: int) -> Path:
    """The place of an earlier part, the last one being 1; 0 is the one that is written."""
    return path if not number else path.with_name(f"{path.stem}.{number}{path.suffix}")
