"""Writes a lock from what `pip install --dry-run --report -` found, less the packages that are
named: for what needs builds that uv does not see, such as torch for a processor alone."""

import re
import sys
from collections.abc import Collection, Sequence

from msgspec import Struct, field, json


class Metadata(Struct, frozen=True):
    name: str
    version: str


class ArchiveInfo(Struct, frozen=True):
    hashes: dict[str, str]


class DownloadInfo(Struct, frozen=True):
    archive_info: ArchiveInfo


class Found(Struct, frozen=True):
    metadata: Metadata
    download_info: DownloadInfo


class Report(Struct, frozen=True):
    """pip's installation report (pip.pypa.io, "Installation Report")."""

    install: list[Found] = field(default_factory=list)


def lock_of(report: bytes, left_out: Collection[str]) -> str:
    """The lines of a requirements file, each package with its hash."""
    rows = {}
    for found in json.decode(report, type=Report).install:
        name = re.sub(r"[-_.]+", "-", found.metadata.name).lower()
        if name not in left_out:
            digest = found.download_info.archive_info.hashes["sha256"]
            rows[name] = f"{name}=={found.metadata.version} \\\n    --hash=sha256:{digest}\n"
    return "".join(rows[name] for name in sorted(rows))


def main(left_out: Sequence[str]) -> None:
    sys.stdout.write(lock_of(sys.stdin.buffer.read(), left_out))


if __name__ == "__main__":
    main(sys.argv[1:])
