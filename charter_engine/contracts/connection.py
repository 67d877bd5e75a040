"""Where a Triton is, and how to speak to it."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "default"
"""Of the embedded Triton, where nobody names it."""


@dataclass(frozen=True)
class TritonOptions:
    """Where Triton is and how to speak to it. `url` None: an embedded one; where one is looked for
    that is up, the one of this `name`.

    `repository` is where its models can be written from here.
    """

    url: str | None = None
    metrics_url: str | None = None
    repository: Path | None = None
    headers: tuple[tuple[str, str], ...] = ()
    tokenizer: Path | None = None
    tls: bool = False
    root_certificates: Path | None = None
    name: str = DEFAULT_NAME
    client_certificate: Path | None = None
    client_key: Path | None = None

    @property
    def called(self) -> str:
        """What it is called among several: its address, or the name of the embedded one."""
        return self.url or self.name


def is_address(text: str) -> bool:
    """Whether a text is of the form HOST:PORT, which a URL is not."""
    host, _, port = text.rpartition(":")
    return bool(host) and "/" not in host and port.isdecimal() and 0 < int(port) < 65536
