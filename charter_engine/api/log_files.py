"""Why the requests of a log missed, without any server."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.api.workloads import BadLines
from charter_engine.contracts.explaining import LogQuery, MissResult
from charter_engine.contracts.notes import Note
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.bls.tokenizer import Tokenizer
    from charter_engine.traffic.misses import Knowledge, Miss
    from charter_engine.traffic.seen import SeenPrompt

REMEDY = (
    "a log is JSON Lines of OpenAI or Anthropic bodies, conversations, records of `charter-engine "
    "traffic`, or what a vLLM server logs of its requests"
)
ASSUMED_TOKENS = Note(
    "texts were tokenised by the embedded engine's tokenizer, without the model's chat template "
    "(assumed)",
    "--tokenizer names the model's own",
)
NO_POOL = Note(
    "a log does not tell how large the pool was: it is taken to hold everything (assumed)",
    "--pool-tokens N",
)


def is_log(name: str) -> bool:
    """Whether a name is that of a file that can be explained."""
    from charter_engine.api.traffic_files import holds_traffic
    from charter_engine.kvcache.workload.logs import holds_a_log

    path = Path(name)
    try:
        return path.is_file() and (holds_traffic(path) or holds_a_log(path))
    except OSError:
        return False


def explain_log(query: LogQuery) -> MissResult:
    """Why the requests of a log missed: those that are asked for, and all together. Blocks. Raises
    `UsageError`."""
    from charter_engine.api.explaining import calls_of, chosen, no_place, result_of
    from charter_engine.traffic.costs import report_of

    found, knowledge, notes = missed_in(query)
    calls, text = calls_of(query.which.agent), knowledge.text
    asked = chosen(found, query.which)
    if calls and text is not None:
        asked = [miss.placed(calls, text) for miss in asked]
    notes = (*notes, *no_place(query.which.agent, calls, asked))
    result = result_of(found, asked, query.which, text=text, notes=notes)
    return MissResult(
        explanations=result.explanations,
        report=report_of(found, knowledge.pool),
        notes=result.notes,
    )


def missed_in(query: LogQuery) -> "tuple[list[Miss], Knowledge, tuple[Note, ...]]":
    """All requests of a log told apart, what is known beside them, and what of it is assumed.
    Blocks. Raises `UsageError`."""
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.traffic.misses import Knowledge, misses

    tokenizer = open_tokenizer(query.tokenizer or None)
    prompts, notes = _prompts(query, tokenizer)
    size, tokens = query.tokens_per_block, query.pool_tokens
    knowledge = Knowledge(
        text=partial(_text, tokenizer),
        pool=PoolSettings(max(1, tokens // size), size) if tokens else None,
        tokens_per_block=size,
    )
    return misses(prompts, knowledge), knowledge, notes if tokens else (*notes, NO_POOL)


def _prompts(
    query: LogQuery, tokenizer: "Tokenizer"
) -> "tuple[list[SeenPrompt], tuple[Note, ...]]":
    from charter_engine.api.traffic_files import holds_traffic, read_traffic
    from charter_engine.kvcache.workload.lines import WorkloadFormatError
    from charter_engine.kvcache.workload.logs import read_log
    from charter_engine.traffic.logged import LoggedPrompts
    from charter_engine.traffic.seen import seen_prompts

    path, bad = Path(query.log), BadLines(query.log)
    report = None if query.strict else bad
    try:
        if holds_traffic(path):
            return seen_prompts(read_traffic(path, report)), bad.notes()
        logged = LoggedPrompts(lambda text: tokenizer.encode(text, begins_prompt=False)[0])
        prompts = logged.prompts(read_log(path, report))
    except WorkloadFormatError as error:
        raise UsageError(str(error), remedy=REMEDY) from error
    except OSError as error:
        raise UsageError(
            f"{query.log}: {error.strerror or error}", remedy="name a readable file"
        ) from error
    if not prompts:
        raise UsageError(f"{query.log}: no request in it", remedy=REMEDY)
    return prompts, bad.notes() if query.tokenizer else (*bad.notes(), ASSUMED_TOKENS)


def _text(tokenizer: "Tokenizer", seen: "SeenPrompt", start: int, stop: int) -> str:
    return tokenizer.text(seen.token_ids[start:stop].tolist())
