"""What runs are asked to do. Its result is `contracts.live.RunReport`."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.plan import Lever
from charter_engine.contracts.server import ProfileRequest

Order = Literal["auto", "given", "waves"]
"""In which order items are sent: as they are given, or in waves of those that begin alike; `auto`:
in waves where that is predicted to pay."""


class RunRequest(Struct, frozen=True, kw_only=True):
    """Run an agent's calls over inputs.

    `given` are inputs as typed (`name=value`, `name=@file`, `name:=json`) and make one item; else
    `inputs` is a JSON Lines file (None: the one beside the agent). `plan` is a plan file, less the
    levers in `without`; without one, or as `baseline`, everything runs as written. `limit` takes
    the first items only; `concurrency` bounds the requests in flight, and `order` is that of the
    items. `server` is one that takes
    token ids by HTTP, in place of a Triton, and `tokenizer` its model's (empty: where its profile
    says, on this machine).
    """

    agent: str
    given: tuple[str, ...] = ()
    inputs: str | None = None
    plan: str | None = None
    baseline: bool = False
    without: tuple[Lever, ...] = ()
    limit: int | None = None
    concurrency: int = 4
    order: Order = "auto"
    server: ProfileRequest | None = None
    tokenizer: str = ""


class ProgramRequest(Struct, frozen=True, kw_only=True):
    """Run a program of the agent's own, `command`, whose requests go through a gateway.

    They are attributed to the calls of `agent`, the program's source. `plan` is a plan file that an
    embedded Triton is started with; a given Triton serves by what is live there. `openai` is the
    URL of a server of OpenAI's shape to answer in place of Triton, and `openai_key` is sent to it
    in place of the program's own keys. `output` is where the program's standard output goes.
    """

    agent: str
    command: tuple[str, ...]
    plan: str | None = None
    openai: str | None = None
    openai_key: str = ""
    output: Literal["stdout", "stderr"] = "stdout"
