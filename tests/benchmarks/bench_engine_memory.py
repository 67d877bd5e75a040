"""What an engine process holds with an agent of 300 calls: open, predicted, proposed for, run, and
compiled again and again.

Bar: less than 120 MB resident. Beside it stand the anonymous part, which is the process's own, and
what its workers hold while they have work. `--agent FILE` takes another agent, `--runs` so many
runs. `--minutes 60` goes on for an hour: a tick every second, a run every ten minutes, and what is
held every five.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from charter_engine.contracts.commands import OpenAgent, ProposePlan, StartRun
from charter_engine.contracts.gauges import Run
from tests.benchmarks.desk import write_desk
from tests.integration.service.engines import (
    Watch,
    draft,
    serving,
    session,
    watching,
)

BAR_MB = 120.0
KIB, MB = 1 << 10, 1e6
WAVES, ANALYSTS, REVISED = 20, 13, 6
COMPILED_AGAIN = 10
MINUTE_SECONDS = 60.0
SHOWN_EVERY, RUN_EVERY = 5, 10
"""Minutes, where it goes on for long."""
PATIENCE_SECONDS = 1800.0


def held(pid: int) -> tuple[int, int]:
    """Resident and anonymous bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    return sizes["Rss"] * KIB, sizes["Anonymous"] * KIB


def workers_of(engine: psutil.Process) -> list[psutil.Process]:
    return [
        one
        for one in engine.children()
        if "charter_engine.service.worker" in " ".join(one.cmdline())
    ]


def show(words: str, engine: psutil.Process) -> float:
    resident, own = (count / MB for count in held(engine.pid))
    workers = workers_of(engine)
    beside = ", ".join(f"{held(one.pid)[0] / MB:.0f}" for one in workers) or "none"
    used = sum(engine.cpu_times()[:2])
    print(
        f"{words:<28} {resident:6.1f} MB resident, {own:6.1f} its own; workers: {beside}; "
        f"{used:.1f} s of processor time, {engine.num_threads()} threads",
        flush=True,
    )
    return resident


def runs(watch: Watch) -> str:
    payload = watch.latest.get("run")
    return payload.progress.state if isinstance(payload, Run) else "none"


async def run_once(watch: Watch) -> None:
    await watch.client.request(StartRun())
    await watch.until(lambda w: runs(w) == "running", PATIENCE_SECONDS)
    await watch.until(lambda w: runs(w) != "running", PATIENCE_SECONDS)


async def gone_on(watch: Watch, engine: psutil.Process, minutes: int) -> float:
    """The most that was resident at any of the times it is shown."""
    begun = time.monotonic()
    most = 0.0
    for minute in range(1, minutes + 1):
        await asyncio.sleep(begun + minute * MINUTE_SECONDS - time.monotonic())
        if minute % SHOWN_EVERY == 0:
            most = max(most, show(f"after {minute} minutes", engine))
        if minute % RUN_EVERY == 0:
            await run_once(watch)
            most = max(most, show("and another run", engine))
    return most


async def measured(
    engine: psutil.Process, directory: Path, agent: Path, number: int, minutes: int
) -> float:
    show("listening", engine)
    async with watching(directory) as watch:
        await watch.until(lambda w: session(w).compiled, PATIENCE_SECONDS)
        show("the agent is open", engine)
        await watch.until(lambda w: session(w).phase == "ready", PATIENCE_SECONDS)
        await watch.until(lambda w: session(w).predicted, PATIENCE_SECONDS)
        show("ready and predicted", engine)
        started = time.monotonic()
        await watch.client.request(
            ProposePlan(base_revision=session(watch).revision), within=PATIENCE_SECONDS
        )
        print(f"  proposing took {time.monotonic() - started:.1f} s")
        await watch.until(lambda w: draft(w).plan and not draft(w).busy, PATIENCE_SECONDS)
        show("a plan is proposed", engine)
        for one in range(number):
            await run_once(watch)
            show(f"run {one + 1} is {runs(watch)}", engine)
        most = await gone_on(watch, engine, minutes)
        for one in range(COMPILED_AGAIN):
            text = agent.read_text()
            agent.write_text(f"{text}# {one}\n")
            await watch.client.request(OpenAgent(path=str(agent)), within=PATIENCE_SECONDS)
            await watch.until(lambda w: not draft(w).busy, PATIENCE_SECONDS)
        show(f"compiled {COMPILED_AGAIN} times more", engine)
        await asyncio.to_thread(psutil.wait_procs, workers_of(engine), PATIENCE_SECONDS)
        return max(most, show("its workers have ended", engine))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", type=Path)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--minutes", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        agent = write_desk(directory, WAVES, ANALYSTS, REVISED)
        if given.agent:
            agent.write_text(given.agent.read_text())
            inputs = given.agent.with_name(f"{given.agent.stem}.inputs.jsonl")
            agent.with_name("desk.inputs.jsonl").write_text(inputs.read_text())
        with serving(directory, "--agent", str(agent), "--no-run") as engine:
            process = psutil.Process(engine.pid)
            resident = asyncio.run(measured(process, directory, agent, given.runs, given.minutes))
    print(f"resident at most, and in the end: {resident:.0f} MB (bar {BAR_MB:.0f})")
    return 0 if resident < BAR_MB else 1


if __name__ == "__main__":
    sys.exit(main())
