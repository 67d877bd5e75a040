"""The key of an embedded Triton: what it restricts, and how it is sent.

It is made at each start, and stands in one file that no other user can read.
"""

import hashlib
import secrets
from pathlib import Path

from charter_engine.paths import write_private
from charter_engine.scrub import keep_secret

KEY_BYTES = 32
"""Derived: 256 bits, beyond guessing."""
KEY_FILE = "key"
KEY_NAME = "charter-key"
PROMPTS_KEY = "CHARTER_PROMPTS_KEY_SHA256"
"""What has `charter_bls` tell of recent prompts to holders of the key alone (bls/serving.py)."""
GRPC_KEY_HEADER = f"triton-grpc-protocol-{KEY_NAME}"
"""How Triton wants the key of a restricted protocol over gRPC; over HTTP the header is the name
alone."""
RESTRICTED = "model-repository,shared-memory,trace,logging"
"""What changes the server, or has it run or read what a caller names."""
RESTRICTED_WHERE_PRIVATE = f"{RESTRICTED},inference,statistics,model-config"
"""And what tells of the traffic, takes part in it, or reads the tap."""


def new_key(directory: Path) -> str:
    """A key for the instance that lives in `directory`, kept there."""
    key = secrets.token_urlsafe(KEY_BYTES)
    write_private(directory / KEY_FILE, key.encode())
    return key


def read_key(file: Path) -> str:
    """The key of an instance, which is not said from now on. Raises `OSError` once the instance is
    gone."""
    key = file.read_text()
    keep_secret(key)
    return key


def key_environment(key: str, groups: str) -> dict[str, str]:
    """What brings the key to a server and its models."""
    return {**restrictions(key, groups), PROMPTS_KEY: hashlib.sha256(key.encode()).hexdigest()}


def restrictions(key: str, groups: str = RESTRICTED) -> dict[str, str]:
    """The arguments that restrict these groups of calls to holders of the key, by the environment
    variables that bring them."""
    rule = f"{groups}:{KEY_NAME}={key}"
    return {
        "CHARTER_RESTRICT_HTTP": f"--http-restricted-api={rule}",
        "CHARTER_RESTRICT_GRPC": f"--grpc-restricted-protocol={rule}",
    }
