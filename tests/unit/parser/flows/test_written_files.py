"""Answers that a program writes into files and reads there again."""

import pytest

from charter_engine.parser.flows.written_files import is_one_file
from tests.unit.parser.compiled import ASK, compiled, flows

PROGRAM = """
import json, os, pickle, yaml
from pathlib import Path

OUT = Path("out")

def plan():
    steps = ask("Plan the work")
{write}

def work(folder="out", name="plan"):
{read}
    print(ask(f"Do {{text}} now"))

plan()
work()
"""


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def found(write: str, read: str) -> set[str]:
    return flows(PROGRAM.format(write=indented(write), read=indented(read)))


WRITING = [
    'Path("out/plan.md").write_text(steps)',
    '(OUT / "plan.md").write_text(json.dumps({"steps": steps}), encoding="utf-8")',
    'with open("out/plan.md", "w") as file:\n    file.write(f"# Plan {steps}")',
    'with open(os.path.join("out", "plan.md"), mode="a") as file:\n    json.dump(steps, file)',
    'with OUT.joinpath("plan.md").open("w") as file:\n    print(steps, file=file)',
    'file = open("out/plan.md", "wb")\npickle.dump(steps, file)',
]

READING = [
    'text = Path("out/plan.md").read_text()',
    'text = json.loads((OUT / "plan.md").read_text())["steps"]',
    'with open("out/plan.md") as file:\n    text = file.read()',
    'with open(os.path.join(folder, "plan.md")) as file:\n    text = json.load(file)',
    'with (Path(folder) / f"{name}.md").open() as file:\n    text = "".join(file.readlines())',
    'with open("out/plan.md") as file:\n    text = [line.strip() for line in file]',
    'with open("out/plan.md", "rb") as file:\n    text = yaml.safe_load(file)',
]


@pytest.mark.parametrize("write", WRITING)
def test_what_is_written_into_a_file_is_read_there(write: str) -> None:
    assert found(write, READING[0]) == {"plan > work"}


@pytest.mark.parametrize("read", READING)
def test_a_file_is_read_in_many_ways(read: str) -> None:
    assert found(WRITING[0], read) == {"plan > work"}


def test_a_file_in_a_folder_that_is_not_known_is_known_by_its_name() -> None:
    write = 'open(os.path.join(os.environ["HOME"], "plan.md"), "w").write(steps)'
    assert found(write, READING[0]) == {"plan > work"}


PARTS = '(OUT / f"{os.environ["X"]}.md").write_text(steps)'
NAMED_PARTS = 'open(f"out/part_{os.environ["X"]}.md", "w").write(steps)'
LISTED = "text = [path.read_text() for path in sorted(OUT.glob('{}'))]"


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (PARTS, LISTED.format("*.md")),
        (PARTS, 'text = Path("out/01.md").read_text()'),
        (PARTS, PARTS.replace("write_text(steps)", "read_text()").replace("(", "text = (", 1)),
        (NAMED_PARTS, LISTED.format("part_*.md")),
        (NAMED_PARTS, LISTED.format("*")),
        (NAMED_PARTS, 'text = open("out/part_2.md").read()'),
        (WRITING[0], LISTED.format("*.md")),
    ],
)
def test_files_of_a_folder_are_known_by_as_much_of_their_names_as_is_told(
    write: str, read: str
) -> None:
    assert found(write, read) == {"plan > work"}


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (PARTS, 'text = Path("other/01.md").read_text()'),
        (PARTS, LISTED.format("*.json")),
        (NAMED_PARTS, LISTED.format("note_*.md")),
    ],
)
def test_other_files_of_a_folder_hold_nothing_of_it(write: str, read: str) -> None:
    assert found(write, read) == set()


def test_a_path_from_where_a_program_is_run_may_be_one_below_its_own_folder() -> None:
    assert is_one_file("out/plan.md", "/programs/talk/out/plan.md")
    assert is_one_file("/programs/talk/out/plan.md", "out/plan.md")
    assert not is_one_file("other/plan.md", "/programs/talk/out/plan.md")
    assert not is_one_file("talk/out/plan.md", "out/plan.md")


@pytest.mark.parametrize(
    "read",
    [
        'text = Path("out/notes.md").read_text()',
        'text = Path("other/plan.md").read_text()',
        'text = (OUT / f"{os.environ["X"]}.md").read_text()',
        'text = open("out/plan.md", "w").name',
    ],
)
def test_another_file_holds_nothing_of_it(read: str) -> None:
    assert found(WRITING[0], read) == set()


def test_what_is_loaded_from_a_file_that_is_not_at_hand_is_not_its_path() -> None:
    file = compiled(
        ASK
        + """
import json

with open("out/plan.json") as file:
    ask(f"Look at {json.load(file)}")
"""
    )
    segments = file.calls[-1].segments
    assert [(part.kind, part.text or part.name) for part in segments] == [
        ("static", "Look at "),
        ("variable", "json.load(file)"),
    ]


def test_a_file_below_a_folder_that_the_surroundings_name_is_known_by_its_name() -> None:
    source = PROGRAM.replace('Path("out")', 'Path(os.environ["OUT"])')
    write, read = '(OUT / "plan.md").write_text(steps)', 'text = (OUT / "plan.md").read_text()'
    assert flows(source.format(write=indented(write), read=indented(read))) == {"plan > work"}
    other = read.replace("plan.md", "other.md")
    assert flows(source.format(write=indented(write), read=indented(other))) == set()


def test_what_a_file_holds_beside_an_answer_is_none() -> None:
    assert found('Path("out/plan.md").write_text("Nothing yet.")', READING[0]) == set()


def test_methods_that_save_and_load_by_a_name_keep_the_files_apart() -> None:
    assert flows("""
        from pathlib import Path

        class Store:
            def __init__(self, folder):
                self.folder = Path(folder)

            def save(self, name, text):
                (self.folder / f"{name}.md").write_text(text)

            def load(self, name):
                return (self.folder / f"{name}.md").read_text()

        def plan(store):
            store.save("plan", ask("Plan the work"))

        def review(store):
            store.save("review", ask("Review the code"))

        def build(store):
            print(ask(f"Build {store.load('plan')} well"))

        store = Store("out")
        plan(store)
        review(store)
        build(store)
        """) == {"plan > build"}


LOG = """
def load():
    with open("log.txt") as file:
        return file.read()

def turn(question):
    said = ask(f"Earlier: {load()} Question: {question}")
    with open("log.txt", "a") as file:
        file.write(said)

"""


def test_a_loop_reads_what_its_turns_before_have_written() -> None:
    looped = "for question in ['a', 'b']:\n    turn(question)\n"
    assert flows(LOG + looped) == {"turn > turn, later"}


def test_a_function_that_nobody_at_hand_calls_reads_what_it_wrote_when_it_was_called_before() -> (
    None
):
    assert flows(LOG) == {"turn > turn, later"}


def test_what_a_program_reads_before_it_is_written_is_of_an_earlier_run() -> None:
    assert (
        flows("""
        from pathlib import Path

        def first():
            print(ask(f"Go on from {Path('state.txt').read_text()} please"))

        def last():
            Path("state.txt").write_text(ask("What is left to do?"))

        def main():
            first()
            last()

        main()
        """)
        == set()
    )


STORE = """
import redis

store = redis.Redis()
session = input()

def plan():
    store.{write}

def work():
    print(ask(f"Do {{store.{read}}} now"))

plan()
work()
"""


@pytest.mark.parametrize(
    ("write", "read", "kept"),
    [
        ('set("plan", SAID)', 'get("plan")', True),
        ('setex("plan", 60, SAID)', 'get("plan")', True),
        ("set(f'{session}:plan', SAID)", "get(f'{session}:plan')", True),
        ('rpush("steps", SAID)', 'lrange("steps", 0, -1)', True),
        ('set("plan", SAID)', 'get("notes")', False),
        ("set(session, SAID)", "get(session)", False),
        ('set("plan", "nothing")', 'get("plan")', False),
    ],
)
def test_a_store_holds_under_a_key_what_was_set_there(write: str, read: str, kept: bool) -> None:
    said = write.replace("SAID", 'ask("Plan the day")')
    assert flows(STORE.format(write=said, read=read)) == ({"plan > work"} if kept else set())


RECORD = """
import json

def make():
    plan = ask("Plan the work")
    text = ask(f"Write after {plan}")
    with open("out/work.json", "w") as file:
        json.dump({"plan": plan, "all": {"text": text}}, file)
    MORE

def look():
    with open("out/work.json") as file:
        work = json.load(file)
    return ask(f"Find a title for {READ}")

make()
look()
"""


@pytest.mark.parametrize(
    ("read", "answers"), [("work['plan']", 1), ("work['all']['text']", 1), ("work", 2)]
)
@pytest.mark.parametrize(
    ("more", "is_known"),
    [("pass", True), ('json.dump([plan, text], open("out/work.json", "w"))', False)],
)
def test_a_record_that_one_place_alone_dumps_is_read_by_its_fields(
    read: str, answers: int, more: str, is_known: bool
) -> None:
    file = compiled(ASK + RECORD.replace("READ", read).replace("MORE", more))
    title = next(call for call in file.calls if call.function == "look")
    assert len(title.depends_on) == (answers if is_known else 2)


TOLD = """
import json, yaml
from pathlib import Path

def make():
    plan = ask("Plan the work")
    text = ask(f"Write after {plan}")
    work = {"plan": plan, "text": text}
    WRITE

def look():
    WORK
    return ask(f"Find a title for {work['plan']}")

make()
look()
"""


@pytest.mark.parametrize(
    "write",
    [
        'Path("out/work").write_text(json.dumps(work, indent=2), encoding="utf-8")',
        'with open("out/work", "w") as file:\n        file.write(json.dumps(work))',
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        'work = json.loads(Path("out/work").read_text())',
        'work = yaml.safe_load(Path("out/work").read_text(encoding="utf-8"))',
        'with open("out/work") as file:\n        work = json.loads(file.read())',
        'with open("out/work") as file:\n        work = yaml.safe_load(file)',
    ],
)
def test_a_record_whose_text_is_written_is_read_by_its_fields(write: str, read: str) -> None:
    file = compiled(ASK + TOLD.replace("WRITE", write).replace("WORK", read, 1))
    title = next(call for call in file.calls if call.function == "look")
    assert len(title.depends_on) == 1


KEYED = """
import json, requests

def find(url):
    found = {"landing": url}
    for link in json.loads(ask(f"Choose the links of {url}"))["links"]:
        found[link["kind"]] = requests.get(link["url"]).text
    with open("found.json", "w") as file:
        json.dump(found, file)

def write():
    with open("found.json") as file:
        found = json.load(file)
    return ask(f"Write of this: {READ}")
"""


@pytest.mark.parametrize(
    ("read", "reaches"),
    [
        ("found['about']", False),
        ("list(found.values())", False),
        ("list(found)", True),
        ("[name for name, text in found.items()]", True),
    ],
)
def test_of_a_record_under_keys_that_a_model_chose_these_alone_are_its_answer(
    read: str, reaches: bool
) -> None:
    calls = {call.function: call for call in compiled(ASK + KEYED.replace("READ", read)).calls}
    assert bool(calls["write"].depends_on) is reaches


def test_what_is_written_under_an_open_name_is_no_key_of_a_store() -> None:
    source = """
        import os
        import redis

        store = redis.Redis()

        def plan(topic):
            name, text = ask(f"Plan {topic}").split()
            with open(os.path.join("/srv/made", f"{name}"), "w") as file:
                file.write(text)

        def work():
            print(ask(f"Do {READ} now"))

        def main(topic):
            plan(topic)
            work()
        """
    assert flows(source.replace("READ", "store.get('notes')")) == set()
    assert flows(source.replace("READ", "open('/srv/made/notes.md').read()")) == {"plan > work"}
