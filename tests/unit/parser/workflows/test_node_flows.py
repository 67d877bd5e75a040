"""Flows of nodes that share a store: what one node puts into it, others read."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, package

FLOW = """
from openai import OpenAI
from pocketflow import AsyncParallelBatchNode, BatchNode, Flow, Node

def ask(prompt):
    return OpenAI().responses.create(model="m", input=prompt).output_text

class Judge(Node):
    def prep(self, shared):
        return shared["draft"], shared["topic"]

    def exec(self, inputs):
        draft, topic = inputs
        return ask(f"Judge this text about {topic}: {draft}")

    def post(self, shared, prep_res, exec_res):
        shared["verdict"] = exec_res
        return "again" if "bad" in exec_res else "done"

class Write(Node):
    def prep(self, shared):
        return shared["topic"], shared.get("verdict", "")

    def exec(self, inputs):
        topic, verdict = inputs
        return ask(f"Write about {topic}. Mind what was said: {verdict}")

    def post(self, shared, prep_res, exec_res):
        shared["draft"] = exec_res

class Polish(BASE):
    def prep(self, shared):
        return shared["draft"].split()

    def exec(self, paragraph):
        return ask(f"Polish this paragraph: {paragraph}")

    def post(self, shared, prep_res, exec_res_list):
        shared["draft"] = " ".join(exec_res_list)

write, judge, polish = Write(), Judge(), Polish()
"""
JUDGE, WRITE, POLISH = 14, 26, 36


def flow(joined: str, base: str = "Node") -> CompiledFile:
    made = "write = Write()\njudge = Judge()\npolish = Polish()\n"
    head = FLOW.replace("BASE", base).rpartition("write, judge")[0]
    return compiled(f"{head}{made}{joined}\nFlow(start=write).run({{'topic': 'tides'}})\n")


def repeated(file: CompiledFile, line: int) -> list[str]:
    call = next(call for call in file.calls if call.line == line)
    return [loop.kind for loop in call.repeated_by]


def test_what_a_node_puts_into_the_store_reaches_the_nodes_that_read_it_later() -> None:
    file = flow("write >> judge >> polish")
    assert edges(file) == {(WRITE, JUDGE, "data"), (WRITE, POLISH, "data")}
    assert repeated(file, WRITE) == []


def test_a_flow_that_leads_back_repeats_its_nodes() -> None:
    file = flow('write >> judge\njudge - "again" >> write\njudge - "done" >> polish')
    assert edges(file) == {
        (WRITE, JUDGE, "data"),
        (JUDGE, WRITE, "loop"),
        (WRITE, POLISH, "data"),
    }
    assert repeated(file, WRITE) == repeated(file, JUDGE) == ["cycle"]
    assert repeated(file, POLISH) == []


@pytest.mark.parametrize(
    ("base", "way"), [("BatchNode", None), ("AsyncParallelBatchNode", "gather")]
)
def test_a_batch_node_works_on_each_member_of_what_it_took(base: str, way: str | None) -> None:
    file = flow("write >> polish", base)
    call = next(call for call in file.calls if call.line == POLISH)
    assert (repeated(file, POLISH), call.fanout) == (["caller"], way)


def test_a_flow_within_a_flow_leads_from_its_last_node_to_what_follows_it() -> None:
    file = flow("write >> judge\ninner = Flow(start=write)\ninner >> polish\npolish >> write")
    assert repeated(file, JUDGE) == ["cycle"]


def test_nodes_of_another_file_are_joined_by_their_names() -> None:
    head = FLOW.replace("BASE", "Node").rpartition("write, judge")[0]
    found = package(
        nodes=head,
        flow="""
        from nodes import Judge, Write
        from pocketflow import Flow

        write = Write()
        judge = Judge()
        write >> judge
        judge - "again" >> write
        """,
    )
    assert repeated(found["nodes.py"], WRITE) == ["cycle"]


def test_a_node_that_asks_no_model_hands_on_what_it_took() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from pocketflow import Flow, Node

        def ask(prompt):
            return OpenAI().responses.create(model="m", input=prompt).output_text

        class Plan(Node):
            def exec(self, taken):
                return ask("Plan")

            def post(self, shared, taken, done):
                shared["plan"] = done

        class Tidy(Node):
            def prep(self, shared):
                return shared["plan"]

            def exec(self, plan):
                return [line.strip() for line in plan.splitlines()]

            def post(self, shared, taken, done):
                shared["lines"] = done

        class Write(Node):
            def prep(self, shared):
                return shared["lines"]

            def exec(self, lines):
                return ask(f"Write {lines}")

        plan, tidy, write = Plan(), Tidy(), Write()
        plan >> tidy >> write
        Flow(start=plan).run({})
        """
    )
    assert edges(file) == {(10, 30, "data")}
