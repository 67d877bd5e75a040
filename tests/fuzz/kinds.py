"""What is read from outside: good examples of it, ways to forge it, and what reads it.

A reader may refuse its input by the errors that it declares. Anything else is a finding.
"""

import asyncio
import io
import random
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard

from charter_engine.contracts.gauges import Event, Gauge, Host, Nodes
from charter_engine.contracts.live import HostSample, NodeStats, RequestRecord
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.gguf_checkpoint import write_gguf_checkpoint
from charter_engine.errors import CharterError
from charter_engine.kvcache.manager.event_batches import follow_batch
from charter_engine.kvcache.manager.event_log import report_event_log
from charter_engine.kvcache.manager.event_map import EventMap
from charter_engine.kvcache.workload.lines import read_workload
from charter_engine.plan.plan_file import InvalidPlan, read_plan
from charter_engine.servers.metric_page import MetricPage
from charter_engine.servers.vllm import counters_of
from charter_engine.service.protocol import FrameSplitter, ProtocolError, decode_request
from charter_engine.store.compile_cache import CompileCache, KeptPackage
from charter_engine.store.database import Store, StoreError
from charter_engine.store.recording_format import (
    CHUNK,
    COUNT,
    COUNTED,
    MARK,
    PARITY,
    Entry,
    NotARecording,
    entry,
    header,
    scan,
)
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import RecordingWriter
from charter_engine.store.workload_cache import load, save
from charter_engine.triton.metrics import MetricsReader
from charter_engine.triton.model_config import edit_parameters, parameters_of, parse_config
from tests.fuzz.mutation import Mutate, either, mutate_bytes, mutate_value, splice
from tests.unit.embedded.test_gguf_checkpoint import write_gguf
from tests.unit.kvcache.test_event_batches import batch, stored
from tests.unit.servers.answering import VLLM_METRICS

HOST = HostSample(
    cpu_utilization=0.5, memory_total_bytes=8, memory_used_bytes=4, engine_rss_bytes=1
)


@dataclass(frozen=True)
class Kind:
    """One kind of input. `read` raises only what is `refused` for bad input."""

    seeds: tuple[bytes, ...]
    mutate: Mutate
    read: Callable[[Path], object]
    refused: tuple[type[Exception], ...] = (CharterError,)


def recording() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "r.charter"
        writer = RecordingWriter(path, chunk_seconds=4)
        for second in range(10):
            nodes = Nodes((NodeStats(node="a", requests=second), NodeStats(node="b")))
            request = RequestRecord(
                run="r", node="a", item=second, started_at=100.0 + second, latency_ms=3.0
            )
            writer.write(
                [
                    Gauge(at=100.0 + second, payload=nodes),
                    Gauge(at=100.0 + second, payload=Host(HOST)),
                    Event(sequence=second, at=100.2 + second, kind="run", text=f"it ran {second}"),
                    request,
                ]
            )
        writer.close()
        return path.read_bytes()


def forge_recording(chance: random.Random, seed: bytes) -> bytes:
    """The same entries with other values in them, packed and summed up as the writer does."""
    stream = zstandard.ZstdDecompressor().decompressobj()
    packer = zstandard.ZstdCompressor().compressobj()
    entries = [part for part in scan(seed) if isinstance(part, Entry)]
    chosen = chance.randrange(len(entries))
    forged = header()
    for number, part in enumerate(entries):
        data = part.data(seed)
        if part.kind not in (MARK, PARITY):
            if part.kind == CHUNK:
                stream = zstandard.ZstdDecompressor().decompressobj()
                packer = zstandard.ZstdCompressor().compressobj()
            data = stream.decompress(data)
        if number == chosen and part.kind != PARITY:
            data = msgspec.msgpack.encode(mutate_value(chance, msgspec.msgpack.decode(data)))
        if number == chosen and (part.kind == PARITY or chance.random() < 0.2):
            data = mutate_bytes(chance, data)
        if part.kind not in (MARK, PARITY):
            data = packer.compress(data) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        if part.kind == COUNTED:
            data = seed[part.start : part.start + COUNT.size] + data
        moment = chance.choice((part.at, part.at, part.at, -1e300, 1e300, 0.0))
        forged += entry(part.kind, moment if number == chosen else part.at, data)
    return forged


def read_recording(path: Path) -> None:
    reader = RecordingReader(path)
    try:
        list(reader.messages())
        cursor = reader.cursor()
        cursor.advance(reader.end)
        cursor.seek((reader.start + reader.end) / 2)
    finally:
        reader.close()


def frames() -> tuple[bytes, ...]:
    commands: list[dict[str, Any]] = [
        {"type": "Subscribe", "topics": ["session"], "after": 3, "instance": "x"},
        {"type": "EditNode", "node": "x", "base_revision": 1, "priority": 4},
        {"type": "SeekReplay", "to": 3.5},
        {"type": "LoadPlan", "path": "/x", "base_revision": 0},
    ]
    requests = [{"type": "Request", "id": 1, "command": command} for command in commands]
    return tuple(msgspec.msgpack.encode(request) for request in requests)


def forge_msgpack(chance: random.Random, seed: bytes) -> bytes:
    return msgspec.msgpack.encode(mutate_value(chance, msgspec.msgpack.decode(seed)))


def read_frame(path: Path) -> None:
    content = path.read_bytes()
    decode_request(content)
    FrameSplitter().feed(len(content).to_bytes(4, "big") + content)


def forge_json_lines(chance: random.Random, seed: bytes) -> bytes:
    lines = seed.splitlines()
    place = chance.randrange(len(lines))
    lines[place] = msgspec.json.encode(mutate_value(chance, msgspec.json.decode(lines[place])))
    return b"\n".join(lines) + b"\n"


WORKLOAD = (
    b'{"timestamp":0,"input_length":1000,"output_length":10,"hash_ids":[1,2],"node":"a"}\n'
    b'{"timestamp":5,"input_length":3,"output_length":2,"token_ids":[4,5,6],"output_ids":[1,2]}\n'
    b'{"timestamp":9,"input_length":600,"output_length":1,"hash_ids":[1,3],"session":"s"}\n'
)
SESSIONS = (
    b'{"id":"s","models":["m"],"block_size":64,"hash_id_scope":"local","requests":'
    b'[{"t":0.0,"type":"n","in":130,"out":10,"hash_ids":[0,1],"api_time":1.0},'
    b'{"t":4.0,"type":"n","in":200,"out":10,"hash_ids":[0,1,2],"api_time":1.0}]}\n',
    b'{"id":"p","reqs":[[0.0,0.0,1.0,130,10,[[0,2]],""],[4.0,1.0,1.0,200,10,[[0,3]],"a"]]}\n',
)


def read_a_workload(path: Path) -> None:
    workload = read_workload(path, lambda _number, _problem: None)
    workload.in_time_order()
    list(workload.requests())


def binary_workload() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        lines, binary = Path(directory) / "w.jsonl", Path(directory) / "w.npz"
        lines.write_bytes(WORKLOAD)
        save(read_workload(lines), binary)
        return binary.read_bytes()


def forge_npz(chance: random.Random, seed: bytes) -> bytes:
    columns = dict(np.load(io.BytesIO(seed)))
    name = chance.choice(list(columns))
    column = columns[name].copy()
    if name == "names":
        column = np.frombuffer(forge_msgpack(chance, column.tobytes()), np.uint8)
    else:
        match chance.randrange(5):
            case 0 if len(column):
                value = chance.choice((*(n for n in (0, -1, 2**31, 2**62, 2**63 - 1)), 1))
                column[chance.randrange(len(column))] = value
            case 1:
                column = column[: chance.randrange(len(column) + 1)]
            case 2:
                column = np.concatenate((column, column))
            case 3:
                column = column.astype(chance.choice((np.float32, np.int16, np.complex128, str)))
            case _:
                column = column.reshape(1, -1)
    columns[name] = column
    if chance.random() < 0.1:
        del columns[name]
    output = io.BytesIO()
    chance.choice((np.savez, np.savez, np.savez_compressed))(output, **columns)
    return output.getvalue()


def read_npz(path: Path) -> None:
    workload = load(path)
    workload.in_time_order()
    list(workload.requests())


def read_gguf(path: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        write_gguf_checkpoint(Path(directory), path)


def a_gguf() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return write_gguf(Path(directory) / "m.gguf").read_bytes()


def plans() -> tuple[bytes, ...]:
    whole = """\
# a plan
agent: agent.py
server:
  tokens_per_block: 32
  enable_kv_cache_reuse: true
nodes:
  A.run:summary: &node
    layout: prefix-first
    order: [0, 2, 1]
    retention:
      - {first: 0, last: 0, priority: 80, duration_ms: 60000}
  A.run:verdict: *node
"""
    return whole.encode(), b"agent: x\nnodes: {a: {retention: [{first: 0, priority: 9}]}}\n"


def read_plan_file(path: Path) -> None:
    read_plan(path.read_text(encoding="utf-8"), str(path))


CONFIG = b"""\
# site comment
name: "tensorrt_llm"
backend: "tensorrtllm"
max_batch_size: 64
input [ { name: "input_ids" data_type: TYPE_INT32 dims: [ -1 ] } ]
output [ { name: "output_ids" data_type: TYPE_INT32 dims: [ -1, -1 ] } ]
parameters: { key: "tokens_per_block" value: { string_value: "32" } }
parameters: { key: "b" value: { string_value: "two \\"2\\"" } }
"""


def read_config(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parameters_of(parse_config(text, str(path)))
    edit_parameters(text, {"b": "3", "c": None, "d": "x"}, str(path))


METRICS = b"""\
# HELP nv_trt_llm_kv_cache_block_metrics TRT LLM KV cache block metrics
# TYPE nv_trt_llm_kv_cache_block_metrics gauge
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 100
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="free",model="tensorrt_llm",version="1"} 60
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm",version="1"} 40
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm"} 32
# TYPE charter_node_requests counter
charter_node_requests_total{agent="a",node="n",revision="3"} 7
# TYPE charter_restamps counter
charter_restamps_total{outcome="sent"} 4
"""
KV_BATCHES = (
    batch(stored([1, 2]), stored([3], 2, medium="CPU")),
    batch(["BlockStored", [b"a" * 32], None, [1, 2, 3, 4], 4, None], ["AllBlocksCleared"]),
    batch({"type": "BlockRemoved", "block_hashes": [1], "medium": "GPU"}, rank=None),
)
VLLM_PAGE = VLLM_METRICS.encode()
GGUF = a_gguf()
KV_EVENTS = (
    b'{"event_id":0,"data":{"type":"created","num_blocks_per_cache_level":[8,2]},"window_size":9}\n'
    b'{"event_id":1,"data":{"type":"stored","parent_hash":null,"blocks":[{"type":"stored_block",'
    b'"block_hash":5,"tokens":[{"type":"unique_token","token_id":1,"token_extra_id":0}],'
    b'"cache_level":0,"priority":35}]},"window_size":9}\n'
    b'{"event_id":2,"data":{"type":"updated","block_hash":5,"cache_level":{"type":"event_diff",'
    b'"old_value":0,"new_value":1},"priority":null},"window_size":9}\n'
    b'{"event_id":3,"data":{"type":"removed","block_hashes":[5]},"window_size":9}\n'
)


def database() -> bytes:
    async def fill(path: Path) -> None:
        async with Store(path) as store:
            await store.begin_session("agent", "deployment")

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "charter.db"
        asyncio.run(fill(path))
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        return path.read_bytes()


def forge_database(chance: random.Random, seed: bytes) -> bytes:
    """A whole database whose rows or schema hold something else."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "forged.db"
        path.write_bytes(seed)
        connection = sqlite3.connect(path)
        junk = chance.choice((b"\xff\xfe", b"\xc1", b"\x81\xa1x\x01", b"", b"\x91" * 3000))
        statements: tuple[tuple[str, tuple[object, ...]], ...] = (
            ("INSERT INTO run VALUES ('r', 1, 1.0, ?)", (junk,)),
            ("INSERT INTO request VALUES ('r', 'n', 1, 1.0, ?)", (junk,)),
            ("INSERT INTO revision VALUES ('deployment', 1, 'live', ?)", (junk,)),
            ("PRAGMA user_version = 99", ()),
            ("PRAGMA user_version = -5", ()),
            ("DROP TABLE revision", ()),
            ("ALTER TABLE run RENAME COLUMN report TO other", ()),
            ("INSERT INTO run VALUES (x'ff', 1, 1.0, 'text')", ()),
            ("DROP TABLE request", ()),
            ("CREATE VIEW request2 AS SELECT * FROM request2", ()),
        )
        for statement, values in chance.sample(statements, 2):
            try:
                connection.execute(statement, values)
            except sqlite3.Error:
                continue
        connection.commit()
        connection.close()
        return path.read_bytes()


def read_database(path: Path) -> None:
    async def use() -> None:
        async with Store(path) as store:
            session = await store.begin_session("agent", "deployment")
            await store.runs()
            await store.requests("r")
            await store.revisions("deployment")
            await store.end_session(session)

    asyncio.run(use())


def compile_cache() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "compile.db"
        with CompileCache(path) as cache:
            cache.keep_results({"key": ()})
            cache.keep_package("root", KeptPackage("signature", ()))
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        return path.read_bytes()


def read_compile_cache(path: Path) -> None:
    with CompileCache(path) as cache:
        cache.file("a.py")
        cache.result("key")
        cache.package("root")
        cache.status()
        cache.keep_results({"other": ()})
        cache.prune()


RECORDING = recording()
NPZ = binary_workload()
DATABASE = database()
COMPILE_CACHE = compile_cache()
TEXT_ERRORS = (UnicodeDecodeError,)

KINDS: dict[str, Kind] = {
    "recording": Kind(
        (RECORDING,),
        either(mutate_bytes, forge_recording, forge_recording, splice((RECORDING,))),
        read_recording,
        (NotARecording, OSError),
    ),
    "frame": Kind(frames(), either(mutate_bytes, forge_msgpack), read_frame, (ProtocolError,)),
    "plan": Kind(
        plans(),
        either(mutate_bytes, splice(plans())),
        read_plan_file,
        (InvalidPlan, *TEXT_ERRORS),
    ),
    "workload": Kind(
        (WORKLOAD, *SESSIONS),
        either(mutate_bytes, forge_json_lines, forge_json_lines),
        read_a_workload,
        (ValueError,),
    ),
    "binary workload": Kind(
        (NPZ,),
        either(mutate_bytes, forge_npz, forge_npz),
        read_npz,
        (ValueError, KeyError, OSError),
    ),
    "config.pbtxt": Kind(
        (CONFIG,),
        either(mutate_bytes, splice((CONFIG,))),
        read_config,
        (CharterError, *TEXT_ERRORS),
    ),
    "metrics": Kind(
        (METRICS,),
        either(mutate_bytes, splice((METRICS,))),
        lambda path: MetricsReader().read(path.read_bytes().decode()),
        (ValueError,),
    ),
    "KV events": Kind(
        (KV_EVENTS,),
        either(mutate_bytes, forge_json_lines),
        lambda path: report_event_log(path.read_bytes().splitlines()),
        (ValueError, CharterError),
    ),
    "batches of KV events": Kind(
        KV_BATCHES,
        either(mutate_bytes, splice(KV_BATCHES)),
        lambda path: follow_batch(EventMap(), 0, path.read_bytes()),
        (),
    ),
    "page of a server": Kind(
        (VLLM_PAGE,),
        either(mutate_bytes, splice((VLLM_PAGE,))),
        lambda path: counters_of(
            MetricPage.read(path.read_bytes().decode(errors="replace"), ("vllm:",))
        ),
        (),
    ),
    "GGUF": Kind((GGUF,), mutate_bytes, read_gguf, (EngineConfigError,)),
    "database": Kind(
        (DATABASE,), either(mutate_bytes, forge_database), read_database, (StoreError,)
    ),
    "compile cache": Kind((COMPILE_CACHE,), mutate_bytes, read_compile_cache, ()),
}
"""All of them, by name."""
