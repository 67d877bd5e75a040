"""Writes what a lock holds as a bill of materials in CycloneDX: `python -m scripts.sbom LOCK`.

Nothing is asked of any index: names, versions and hashes stand in the lock.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PINNED = re.compile(
    r"^(?P<requirement>\w[^\\\n]*?)(?P<hashes>(?:\s*\\\n\s+--hash=\S+)+)$", re.MULTILINE
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> Iterator[Component]:
    """The packages of a lock, each with the hashes of the files that may be installed."""
    for pinned in PINNED.finditer(lock):
        requirement = Requirement(pinned["requirement"])
        (version,) = (one.version for one in requirement.specifier)
        address = PackageURL("pypi", None, requirement.name, version)
        yield Component(
            name=requirement.name,
            version=version,
            type=ComponentType.LIBRARY,
            purl=address,
            bom_ref=f"{address} {requirement.marker or ''}".strip(),
            hashes=[
                HashType(alg=HashAlgorithm.SHA_256, content=digest)
                for digest in HASH.findall(pinned["hashes"])
            ],
        )


def bill(lock: str) -> str:
    """The bill of materials of Charter with the packages of a lock, as JSON."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    charter = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref="charter",
    )
    bom = Bom(components=components(lock))
    bom.metadata.component = charter
    bom.register_dependency(charter, bom.components)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


if __name__ == "__main__":
    print(bill(Path(sys.argv[1]).read_text("utf-8")))
