"""Files a second, cold on all cores and warm from the cache; what opening and linting cost.

Bars: 50 files/s cold on 2 cores, warm 20 times that; of modules that all import each other 40 files
for each second of CPU time, however many there are, and 0.15 s warm for 1,000; 10 s to lint 400.

With folders as arguments, the same of these, each in a process of its own. Beside them stands what
Python itself takes to parse the files, which tells how busy the machine was.
"""

import ast
import gc
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from charter_engine.api.agents import open_agent
from charter_engine.api.linting import lint
from charter_engine.contracts.lint import LintRequest
from charter_engine.store.compile_cache import CompileCache
from charter_engine.store.incremental import compile_incrementally
from charter_engine.store.source_files import python_files

Given = TypeVar("Given")

FILES = 120
LINES = 300
LONG_LINES = 5_000
CLUSTERS = (50, 100, 200, 400, 1_000)
MODULE_LINES = 60
WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
STEP = '''
    def step_{n}(self, document, question):
        """Answer one question and remember the answer."""
        context = "\\n".join(note for note in self.notes if question in note)
        if len(context) > self.limit:
            context = context[-self.limit :]
        messages = [
            {{"role": "system", "content": SYSTEM}},
            {{"role": "user", "content": f"Step {n}\\n{{context}}\\n{{document}}\\n{{question}}"}},
        ]
        for attempt in range(3):
            reply = self.client.chat.completions.create(model="m", messages=messages, max_tokens=90)
            answer = reply.choices[0].message.content
            if self.accept(answer):
                break
            messages.append({{"role": "assistant", "content": answer}})
            messages.append({{"role": "user", "content": "Try again, and name the sentence."}})
        self.notes.append(answer)
        return self.summarise(answer, limit={n})
'''
HEAD = """from openai import OpenAI

SYSTEM = "You answer questions from documents, soberly."


class Agent{m}:
    def __init__(self):
        self.client = OpenAI()
        self.notes = []
        self.limit = 1000

    def accept(self, answer):
        return bool(answer) and len(answer) < self.limit

    def summarise(self, text, limit):
        prompt = f"Summarise in {{limit}} words: {{text}}"
        return self.client.responses.create(model="m", input=prompt).output_text
"""


def source(number: int, lines: int) -> str:
    """An agent of about that many lines."""
    text = HEAD.format(m=number)
    step = 0
    while text.count("\n") < lines:
        text += STEP.format(n=step)
        step += 1
    return text


def module(number: int, count: int) -> str:
    """One of `count` modules that all belong together: an agent that asks two others, and a program
    that runs it."""
    others = sorted({(number + 1) % count, (number * 7 + 3) % count} - {number})
    imports = "".join(f"from agent_{other} import Agent{other}\n" for other in others)
    asked = "".join(
        f"        found.append(Agent{other}().step_0(document, question))\n" for other in others
    )
    return (
        imports
        + source(number, MODULE_LINES)
        + f"\n    def work(self, document, question):\n        found = []\n{asked}"
        + "        return self.summarise(str(found), 50)\n\n\n"
        + f'if __name__ == "__main__":\n    print(Agent{number}().work(input(), input()))\n'
    )


def curve(scratch: Path) -> None:
    """Compile ever more modules that belong together."""
    for count in CLUSTERS:
        folder = scratch / f"cluster_{count}"
        folder.mkdir()
        for number in range(count):
            (folder / f"agent_{number}.py").write_text(module(number, count))
        time.sleep(0.1)
        spent = cpu_seconds()
        with CompileCache(scratch / f"cache_{count}") as cache:
            timed(cache, folder)
        spent = cpu_seconds() - spent
        gc.collect()  # what compiling left is none of the warm run's
        with CompileCache(scratch / f"cache_{count}") as cache:
            warm = timed(cache, folder)
        print(
            f"{count} modules of one cluster: {count / spent:.0f} files per second of CPU time "
            f"(bar 40), warm {warm:.2f} s"
        )


def main() -> None:
    """Compile a folder of separate agents twice, one long file, and clusters."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "agents"
        folder.mkdir()
        for number in range(FILES):
            (folder / f"agent_{number}.py").write_text(source(number, LINES))
        time.sleep(0.1)
        spent = cpu_seconds()
        with CompileCache(Path(scratch) / "cache") as cache:
            cold = timed(cache, folder)
        spent = cpu_seconds() - spent
        with CompileCache(Path(scratch) / "cache") as cache:
            warm = timed(cache, folder)
        long = Path(scratch) / "long.py"
        long.write_text(source(0, LONG_LINES))
        with CompileCache(Path(scratch) / "other") as cache:
            one = timed(cache, long)
        for name, work in (("opening", open_agent), ("linting", lint_folder)):
            os.environ["CHARTER_CACHE"] = str(Path(scratch) / name)
            first, second = (cpu_of(work, folder) for _ in range(2))
            print(f"{name} {FILES} files: {first:.2f} s of CPU cold, {second:.2f} s warm")
        curve(Path(scratch))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"cold: {FILES / cold:.0f} files/s of {LINES} lines on {os.cpu_count()} cores "
        f"(bar 50 on 2), {FILES / spent:.0f} files per second of CPU time"
    )
    print(f"warm: {FILES / warm:.0f} files/s, {cold / warm:.0f} times cold (bar 20)")
    print(
        f"a file of {LONG_LINES} lines: {one:.2f} s (bar 2 s); peak memory {memory:.0f} MB "
        "(bar 200 MB)"
    )


def measure(folder: str) -> None:
    """Compile and lint a folder of somebody's sources, cold and warm."""
    files = python_files(folder)
    parsing = cpu_of(parse_all, files)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["CHARTER_CACHE"] = str(Path(scratch) / "cache")
        cold, warm = (cpu_of(compile_alone, folder) for _ in range(2))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.environ["CHARTER_CACHE"] = str(Path(scratch) / "lint")
        linting = cpu_of(lint_folder, Path(folder))
    print(
        f"{Path(folder).name}: {len(files)} files, parsed in {parsing:.2f} s of CPU; cold "
        f"{cold:.2f} s ({len(files) / cold:.0f} files/s), peak {peak:.0f} MB; warm {warm:.3f} s; "
        f"lint {linting:.2f} s cold",
        flush=True,
    )


def parse_all(files: list[str]) -> None:
    """What any reader of the sources must do."""
    warnings.simplefilter("ignore")
    for path in files:
        with suppress(SyntaxError, ValueError):
            ast.parse(Path(path).read_bytes())


def compile_alone(folder: str) -> None:
    """Compile in this process."""
    with CompileCache(Path(os.environ["CHARTER_CACHE"])) as cache:
        compile_incrementally([folder], cache, workers=1)


def cpu_seconds() -> float:
    """Seconds of CPU time spent so far, by this process and by the workers that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, WHO))


def lint_folder(folder: Path) -> None:
    """Lint as the command does."""
    lint(LintRequest(paths=(str(folder),)))


def cpu_of(work: Callable[[Given], object], given: Given) -> float:
    """Seconds of CPU time that something takes on what it is given."""
    before = cpu_seconds()
    work(given)
    return cpu_seconds() - before


def timed(cache: CompileCache, path: Path) -> float:
    """Seconds to compile a path through the cache."""
    started = time.perf_counter()
    compile_incrementally([str(path)], cache)
    return time.perf_counter() - started


def measure_apart(folders: list[str]) -> None:
    """Measure each folder in a fresh process, so that peaks are its own."""
    for folder in folders:
        child = multiprocessing.get_context("spawn").Process(target=measure, args=(folder,))
        child.start()
        child.join()


if __name__ == "__main__":
    if sys.argv[1:]:
        measure_apart(sys.argv[1:])
    else:
        main()
