"""A pool that three calls of two programs share, and their sessions."""

from msgspec.structs import replace

from charter_engine.contracts.contents import (
    ContentsReport,
    Displacement,
    HeldPrefix,
    Holding,
    MapRun,
    MeasuredContents,
)
from charter_engine.contracts.notes import Note
from charter_engine.contracts.sessions import SessionTraffic
from tests.tui.scene import CLASSIFICATION, ENTITIES, START, VALIDATED

NOW = START + 600

POOL = ContentsReport(
    at=NOW,
    gpu_blocks=1024,
    tokens_per_block=32,
    host_size=512,
    cached_blocks=610,
    host_blocks=96,
    requests=48,
    begin=START,
    end=NOW - 4,
    predicted_reused=31_400,
    measured_reused=30_900,
    compared_tokens=58_000,
    evicted_blocks=412,
    evictions_by_priority={35: 400, 90: 12},
    allocated_blocks=1_900,
    pressure=11.1,
    nodes=(
        Holding(
            name=ENTITIES,
            blocks=290,
            tokens=9_280,
            shared_blocks=61,
            host_blocks=64,
            used_at=NOW - 4,
            held_until=NOW + 26,
        ),
        Holding(name=VALIDATED, blocks=214, tokens=6_848, shared_blocks=40, used_at=NOW - 31),
        Holding(name=CLASSIFICATION, blocks=97, tokens=3_104, used_at=NOW - 75),
        Holding(name="", blocks=9, tokens=288, host_blocks=32, used_at=NOW - 512),
    ),
    sessions=(
        Holding(name="desk-7", blocks=400, tokens=12_800, shared_blocks=61, used_at=NOW - 4),
        Holding(name="desk-9", blocks=210, tokens=6_720, shared_blocks=40, used_at=NOW - 31),
    ),
    priorities=(
        Holding(name="35", blocks=534, tokens=17_088, used_at=NOW - 4),
        Holding(name="90", blocks=76, tokens=2_432, used_at=NOW - 31, held_until=NOW + 26),
    ),
    map=(
        MapRun(76, ENTITIES, "desk-7", 90),
        MapRun(214, ENTITIES, "desk-7", 35),
        MapRun(110, VALIDATED, "desk-7", 35),
        MapRun(104, VALIDATED, "desk-9", 35),
        MapRun(97, CLASSIFICATION, "desk-9", 35),
        MapRun(9, "", "desk-9", 35),
        MapRun(96, ENTITIES, "desk-7", 35, host=True),
    ),
    prefixes=(
        HeldPrefix(
            begin=0,
            tokens=1_952,
            requests=18,
            nodes=(ENTITIES, VALIDATED),
            saved_tokens=33_184,
            priority=90,
            used_at=NOW - 4,
            held_until=NOW + 26,
        ),
        HeldPrefix(
            begin=1_952,
            tokens=1_280,
            requests=3,
            nodes=(VALIDATED,),
            saved_tokens=2_560,
            priority=35,
            used_at=NOW - 31,
        ),
    ),
    displacements=(
        Displacement(
            evicted=CLASSIFICATION, by=ENTITIES, blocks=301, tokens=9_632, again_blocks=122
        ),
        Displacement(evicted=VALIDATED, by=ENTITIES, blocks=111, tokens=3_552),
    ),
    notes=(Note("requests left out because their prompts are not known: 2"),),
)
MEASURED_POOL = replace(
    POOL,
    measured=MeasuredContents(
        at=NOW,
        source="tcp://127.0.0.1:5557",
        events=2_112,
        blocks=588,
        host_blocks=96,
        tokens=21_888,
        agreed_blocks=561,
        absent_blocks=49,
        unpredicted_blocks=27,
        unattributed_blocks=14,
        lost_events=3,
        complete=False,
        nodes=(
            Holding(name=ENTITIES, blocks=262, tokens=8_384, host_blocks=64, used_at=NOW - 4),
            Holding(name=VALIDATED, blocks=214, tokens=6_848, used_at=NOW - 31),
            Holding(name=CLASSIFICATION, blocks=98, tokens=3_136, used_at=NOW - 75),
            Holding(name="", blocks=14, tokens=448, host_blocks=32),
        ),
        sessions=(
            Holding(name="desk-7", blocks=384, tokens=12_288, used_at=NOW - 4),
            Holding(name="desk-9", blocks=190, tokens=6_080, used_at=NOW - 31),
            Holding(name="", blocks=14, tokens=448),
        ),
        priorities=(
            Holding(name="35", blocks=512, tokens=16_384, used_at=NOW - 4),
            Holding(name="90", blocks=76, tokens=2_432, used_at=NOW - 31),
        ),
        map=(
            MapRun(76, ENTITIES, "desk-7", 90),
            MapRun(186, ENTITIES, "desk-7", 35),
            MapRun(122, VALIDATED, "desk-7", 35),
            MapRun(92, VALIDATED, "desk-9", 35),
            MapRun(98, CLASSIFICATION, "desk-9", 35),
            MapRun(14, "", "", 35),
            MapRun(96, ENTITIES, "desk-7", 35, host=True),
        ),
    ),
)
SESSIONS = (
    SessionTraffic(
        session="desk-7",
        sequences=(1, 2, 5, 6),
        failures=1,
        begin=START,
        end=START + 96,
        nodes=(ENTITIES, VALIDATED),
        prompt_tokens=4_872,
        computed_tokens=2_499,
        output_tokens=360,
        again_tokens=363,
        cause="time stamp",
    ),
    SessionTraffic(
        session="conversation 3",
        told=False,
        sequences=(3,),
        begin=START + 6,
        end=START + 8,
        nodes=("",),
        prompt_tokens=1_624,
        computed_tokens=1_624,
    ),
    SessionTraffic(
        session="run-5",
        source="run",
        sequences=(4,),
        begin=START + 8,
        end=START + 12,
        nodes=(ENTITIES,),
        prompt_tokens=1_624,
        computed_tokens=1_112,
    ),
)
