"""A vLLM of the environment that `make engines` sets up, serving the embedded engine's own weights
on this machine's processor."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from charter_engine.embedded.engine.checkpoint_files import write_checkpoint
from charter_engine.embedded.engine.spec import TOKENIZER_FILE, EngineSpec, read_spec
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.embedded.engine.weights import load_weights
from charter_engine.embedded.lifeline import Lifeline
from charter_engine.embedded.ports import free_ports

PYTHON = Path(__file__).parents[2] / ".venv-engines" / "bin" / "python"
BLOCK = 32
"""vLLM takes multiples of 32 on a CPU."""
LONGEST = 4096
READY_SECONDS, END_SECONDS = 300.0, 30.0
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "4",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_HOST_IP": "127.0.0.1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def is_installed() -> bool:
    return PYTHON.is_file()


def checkpoint_in(directory: Path, engine: Path | None = None) -> Path:
    """The weights of an engine's directory as a checkpoint; None: the embedded engine's random
    ones."""
    spec = EngineSpec() if engine is None else read_spec(engine)
    weights = load_weights(spec, engine or directory)
    tokenizer = tokenizer_path() if engine is None else engine / TOKENIZER_FILE
    return write_checkpoint(directory, spec.pretrained_config, weights, tokenizer)


@contextmanager
def vllm(
    directory: Path, *, blocks: int, events: str = "", engine: Path | None = None
) -> Iterator[str]:
    """The URL of a vLLM with a pool of so many blocks, which ends with the context. `events` is the
    endpoint at which it publishes its KV events, `engine` whose weights it serves. Raises
    `RuntimeError` where it does not start."""
    (port,) = free_ports(1)
    checkpoint = checkpoint_in(directory / "checkpoint", engine)
    command = [
        str(PYTHON), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(checkpoint), "--served-model-name", "reference",
        "--host", "127.0.0.1", "--port", str(port), "--enforce-eager", "--dtype", "float32",
        "--block-size", str(BLOCK), "--num-gpu-blocks-override", str(blocks),
        "--max-model-len", str(min(LONGEST, (blocks - 1) * BLOCK)), "--max-num-seqs", "8",
        "--enable-prompt-tokens-details", "--distributed-executor-backend", "uni",
    ]  # fmt: skip
    if events:
        told = f'{{"enable_kv_cache_events": true, "publisher": "zmq", "endpoint": "{events}"}}'
        command += ["--kv-events-config", told]
    log, lifeline = directory / "vllm.log", Lifeline()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRONMENT},
            start_new_session=True,
            preexec_fn=lifeline.tie,  # noqa: PLW1509 (the calling process has one thread)
            pass_fds=(lifeline.reader,),
        )
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(process)
            lifeline.cut()


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        time.sleep(0.5)
    raise RuntimeError(f"vLLM did not start: {log.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Politely; what is left of it ends with its lifeline."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
