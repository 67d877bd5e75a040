"""Flows and workflows: what their steps hand on, and which of them run again or side by side."""

import pytest

from tests.unit.parser.compiled import compiled, edges, flows

FLOW = """
from crewai.flow.flow import Flow, and_, listen, or_, router, start
from litellm import completion

class Trip(Flow):
    @start()
    def town(self):
        return completion(model="m", messages=[{"role": "user", "content": "Name a town."}])

    @listen(town)
    def fact(self, name):
        return completion(model="m", messages=[{"role": "user", "content": f"A fact of {name}"}])

    @LISTENING
    def close(self, said):
        return completion(model="m", messages=[{"role": "user", "content": f"Close {said}"}])
"""


@pytest.mark.parametrize(
    ("listening", "heard"),
    [
        ("listen(fact)", {12}),
        ('listen("fact")', {12}),
        ("router(fact)", {12}),
        ("listen(or_(town, fact))", {8, 12}),
        ("listen(and_(town, fact))", {8, 12}),
        ('listen("done")', set()),
    ],
)
def test_a_step_is_given_what_those_returned_that_it_listens_to(
    listening: str, heard: set[int]
) -> None:
    found = edges(compiled(FLOW.replace("LISTENING", listening)))
    assert {source for source, target, _ in found if target == 16} == heard
    assert (8, 12, "data") in found


def test_a_step_that_takes_nothing_hears_nothing() -> None:
    source = FLOW.replace("LISTENING", "listen(fact)").replace("self, said", "self")
    assert edges(compiled(source.replace("Close {said}", "Close it"))) == {(8, 12, "data")}


ROUTED = """
from crewai import LLM
from crewai.flow.flow import Flow, listen, or_, router, start

class Review(Flow):
    @start()
    def choose(self):
        return "brief"

    @listen("brief")
    def look(self):
        self.state.found = LLM(model="m").call(f"Look at {self.state.text}")

    @listen(SECOND)
    def study(self):
        self.state.found = LLM(model="m").call(f"Study {self.state.text}")

    @listen(LAST)
    def decide(self):
        return LLM(model="m").call(f"Decide on {self.state.found}")
"""


def test_a_state_may_hold_what_either_of_two_steps_left_of_which_one_runs() -> None:
    file = compiled(ROUTED.replace("SECOND", '"long"').replace("LAST", "or_(look, study)"))
    assert edges(file) == {(12, 20, "data"), (16, 20, "data")}


def test_a_state_holds_what_the_later_of_two_steps_left() -> None:
    file = compiled(ROUTED.replace("SECOND", "look").replace("LAST", "study"))
    assert edges(file) == {(16, 20, "data")}


WORKFLOW = """
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from llama_index.llms.openai import OpenAI

class Question(Event):
    text: str

class Answer(Event):
    text: str

class Research(Workflow):
    llm = OpenAI(model="m")

    @step
    async def split(self, ctx: Context, ev: StartEvent) -> Question:
        asked = await self.llm.acomplete(f"Split {ev.topic}")
        KEEP
        for line in str(asked).splitlines():
            ctx.send_event(Question(text=line))

    @step(num_workers=4)
    async def answer(self, ev: Question) -> Answer:
        return Answer(text=str(await self.llm.acomplete(f"Answer {ev.text}")))

    @step
    async def join(self, ctx: Context, ev: Answer) -> StopEvent:
        found = ctx.collect_events(ev, [Answer] * 3)
        texts = " ".join(one.text for one in found)
        TAKE
        return StopEvent(result=str(await self.llm.acomplete(f"Join {texts} by {plan}")))
"""


def workflow(keep: str = "pass", take: str = 'plan = ""') -> str:
    return WORKFLOW.replace("KEEP", keep).replace("TAKE", take)


def test_an_event_carries_what_it_is_made_with_to_the_step_that_takes_it() -> None:
    assert edges(compiled(workflow())) == {(16, 23, "data"), (23, 30, "data")}


def test_a_step_whose_events_are_sent_in_a_loop_runs_side_by_side() -> None:
    file = compiled(workflow())
    assert [call.fanout for call in file.calls] == [None, "send", None]


@pytest.mark.parametrize(
    ("keep", "take"),
    [
        ('await ctx.store.set("plan", str(asked))', 'plan = await ctx.store.get("plan")'),
        ('await ctx.set("plan", str(asked))', 'plan = await ctx.get("plan", default="")'),
    ],
)
def test_what_a_workflows_context_is_given_under_a_name_is_found_under_it(
    keep: str, take: str
) -> None:
    assert (16, 30, "data") in edges(compiled(workflow(keep, take)))


def test_what_it_is_given_under_another_name_is_not() -> None:
    keep = 'await ctx.store.set("plan", str(asked))'
    file = compiled(workflow(keep, 'plan = await ctx.store.get("other")'))
    assert (16, 30, "data") not in edges(file)


NODES = """
from pydantic_ai import Agent
from pydantic_graph import BaseNode, End

writer, judge, closer = Agent("m"), Agent("m"), Agent("m")

class Write(BaseNode):
    async def run(self, ctx) -> "Judge":
        await writer.run("Write.")
        return Judge()

class Judge(BaseNode):
    async def run(self, ctx) -> "Write | Close":
        said = await judge.run("Judge.")
        return AGAIN

class Close(BaseNode):
    async def run(self, ctx) -> End:
        return End((await closer.run("Close.")).output)
"""


@pytest.mark.parametrize(
    ("again", "repeated"),
    [("Close() if said.output else Write()", [9, 14]), ("Close()", [])],
)
def test_nodes_of_a_graph_go_round_where_one_makes_an_earlier_one(
    again: str, repeated: list[int]
) -> None:
    file = compiled(NODES.replace("AGAIN", again))
    assert [call.line for call in file.calls if call.repeated_by] == repeated


def test_events_that_a_model_gave_carry_its_answer_and_run_side_by_side() -> None:
    file = compiled(
        """
        from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
        from llama_index.llms.openai import OpenAI

        class Item(Event):
            query: str

        class Work(Workflow):
            llm = OpenAI(model="m")

            @step
            async def plan(self, ctx: Context, ev: StartEvent) -> Item | None:
                found = await self.llm.astructured_predict(Plan, ASKED, topic=ev.topic)
                for item in found.items:
                    ctx.send_event(item)

            @step
            async def answer(self, ctx: Context, ev: Item) -> StopEvent:
                return StopEvent(result=await self.llm.acomplete(f"Answer: {ev.query}"))
        """
    )
    assert edges(file) == {(13, 19, "data")}
    assert [call.fanout for call in file.calls] == [None, "send"]


def test_an_event_that_may_be_of_two_kinds_holds_what_either_was_made_with() -> None:
    source = """
from llama_index.core.workflow import Event, StartEvent, StopEvent, Workflow, step
from llama_index.llms.openai import OpenAI

class Begin(Event):
    topic: str

class Again(Event):
    feedback: str

class Research(Workflow):
    llm = OpenAI(model="m")

    @step
    async def begin(self, ev: StartEvent) -> Begin:
        return Begin(topic=ev.topic)

    @step
    async def write(self, ev: Begin | Again) -> Again | StopEvent:
        draft = await self.llm.acomplete(f"Write on {ev.topic}. {ev.feedback}")
        return Again(topic=ev.topic, feedback=draft.text)
"""
    assert edges(compiled(source)) == {(20, 20, "loop")}


@pytest.mark.parametrize("tidied", ["text.strip()", "[one for one in text.splitlines() if one]"])
def test_a_step_that_asks_no_model_hands_on_what_it_was_given(tidied: str) -> None:
    source = """
    from crewai.flow.flow import Flow, listen, start

    class Work(Flow):
        @start()
        def plan(self):
            return ask("Plan")

        @listen(plan)
        def tidy(self, text):
            self.state["plan"] = text
            return TIDIED

        @listen(tidy)
        def write(self, text):
            return ask(f"Write after {text}")

        @listen(write)
        def judge(self):
            return ask(f"Judge by {self.state['plan']}")
    """
    assert flows(source.replace("TIDIED", tidied)) == {"plan > write", "plan > judge"}
