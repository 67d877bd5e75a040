"""Prints how much an install downloads: `python -m scripts.install_size [EXTRA…]`.

The wheel is built from this checkout, and pip asks the index it is set up for. Ends with 1 where
the base install is above its bar.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BAR_MB = 120
"""Of the base install."""
MOST_SHOWN = 12


def downloaded(extras: tuple[str, ...], folder: Path) -> dict[str, int]:
    """The bytes of each file that an install fetches, the largest first; the wheel is among
    them."""
    built = folder / "built"
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(built)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    named = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
    fetched = folder / "fetched"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(fetched)]
    subprocess.run([*download, named], check=True)
    sizes = {path.name: path.stat().st_size for path in fetched.iterdir()}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def main() -> int:
    """Print the largest files and their sum."""
    extras = tuple(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        sizes = downloaded(extras, Path(folder))
    for name, size in list(sizes.items())[:MOST_SHOWN]:
        print(f"{size / 1e6:8.1f} MB  {name}")
    total = sum(sizes.values()) / 1e6
    print(f"{total:8.1f} MB  {len(sizes)} files")
    return int(not extras and total > BAR_MB)


if __name__ == "__main__":
    sys.exit(main())
