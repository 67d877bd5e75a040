"""A deployment to push to, with what only this room can bring.

That is `charter_bls` itself, and engines built anew.
"""

import re
from pathlib import Path

import msgspec

from charter_engine.embedded.repository import bls_files
from charter_engine.paths import state_directory
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import DeployTarget
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.journal import Journal, journal_directory


def target_for(
    client: TritonClient,
    *,
    repository: Path | None = None,
    metrics_url: str | None = None,
    tokenizer: Path | None = None,
) -> DeployTarget:
    """The deployment behind a client.

    `repository` where its model repository can be written from here.
    """
    return DeployTarget(
        client=client,
        journal=Journal(journal_directory(repository, client.connection.url, state_directory())),
        bls_template=bls_files(),
        repository=repository,
        metrics_url=metrics_url,
        tokenizer=str(tokenizer) if tokenizer else None,
        build_engine=rebuild_engine,
    )


def rebuild_engine(tokens_per_block: int, directory: Path) -> Path:
    """An engine like the one in `directory`, with other `tokens_per_block`.

    It lies beside that one, and is built unless it is there.

    Only the reference engine can be built here. Raises `InvalidInput` for another, or a size it
    cannot have.
    """
    from charter_engine.embedded.build import build_engine
    from charter_engine.embedded.engine.errors import EngineConfigError
    from charter_engine.embedded.engine.spec import TOKENIZER_FILE, read_spec

    try:
        spec = read_spec(directory)
        if spec.tokens_per_block == tokens_per_block:
            return directory
        wanted = spec.with_tokens_per_block(tokens_per_block)
        target = directory.with_name(
            f"{re.sub(r'-tpb[0-9]+$', '', directory.name)}-tpb{tokens_per_block}"
        )
        if target.is_dir() and read_spec(target) == wanted:
            return target
        name = spec.reference_engine.weights
        weights = directory / name if name else None
        return build_engine(target, wanted, directory / TOKENIZER_FILE, weights)
    except (EngineConfigError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"no engine with tokens_per_block {tokens_per_block} can be built from {directory}: "
            f"{error}",
            remedy=f"trtllm-build --tokens_per_block {tokens_per_block}, "
            "then point gpt_model_path at its output",
        ) from None
