"""LlamaIndex: what runs workers, what keeps a conversation, and the state that tools share."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges
from tests.unit.parser.teams.speaking import said

AGENTS = """
from llama_index.core import VectorStoreIndex
from llama_index.core.agent import AgentRunner, FunctionCallingAgentWorker, StructuredPlannerAgent
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import Context
from llama_index.llms.openai import OpenAI

llm = OpenAI(model="m")
seek = FunctionAgent(llm=llm, system_prompt="You seek.")
tell = FunctionAgent(llm=llm, system_prompt="You tell.")
worker = FunctionCallingAgentWorker.from_tools([], llm=llm, system_prompt="You work.")
index = VectorStoreIndex.from_documents([])

async def look(ctx: Context, topic: str) -> str:
    found = await seek.run(user_msg=topic)
    KEPT
    return "found"

async def write(ctx: Context) -> str:
    READ
    return str(await tell.run(user_msg=f"Tell {notes}"))

lead = FunctionAgent(llm=llm, system_prompt="You lead.", tools=[look, write])

async def main(task):
    RUN
"""

IN_STORE = """async with ctx.store.edit_state() as state:
        state["state"]["notes"].append(str(found))"""
FROM_STORE = """async with ctx.store.edit_state() as state:
        notes = state["state"]["notes"]"""
GOT = 'notes = (await ctx.get("state"))["notes"]'
SET = """state = await ctx.get("state")
    state["notes"] = str(found)
    await ctx.set("state", state)"""


def agents(run: str, kept: str = "pass", read: str = "notes = None") -> CompiledFile:
    return compiled(AGENTS.replace("RUN", run).replace("KEPT", kept).replace("READ", read))


@pytest.mark.parametrize("runner", ["AgentRunner(worker)", "StructuredPlannerAgent(worker)"])
def test_a_runner_is_its_worker(runner: str) -> None:
    file = agents(f"return {runner}.chat(task)")
    assert said(file, 26) == [("system", "You work.", False), (None, "task", False)]


@pytest.mark.parametrize(("kept", "read"), [(IN_STORE, FROM_STORE), (SET, GOT)])
def test_what_a_tool_keeps_in_the_context_reaches_the_next(kept: str, read: str) -> None:
    file = agents("return await lead.run(user_msg=task)", kept, read)
    look, write = (call.line for call in file.calls if call.function in ("look", "write"))
    assert (look, write, "data") in edges(file)


def test_runs_in_one_context_hear_those_before() -> None:
    again = "\n    await tell.run(task, ctx=ctx)"
    assert edges(agents(f"ctx = Context(tell){again}{again}")) == {(27, 28, "data")}


def test_runs_in_contexts_of_their_own_do_not() -> None:
    assert edges(agents("await tell.run(task)\n    await tell.run(task)")) == set()


def test_a_chat_engine_remembers_and_a_query_engine_does_not() -> None:
    chat = "chat = index.as_chat_engine()\n    while task:\n        task = chat.VERB(input())"
    assert edges(agents(chat.replace("VERB", "chat"))) == {(28, 28, "loop")}
    asked = chat.replace("as_chat", "as_query").replace("VERB", "query")
    assert edges(agents(asked)) == set()


def test_a_step_asks_the_model_that_its_workflow_is_made_with_later_in_the_file() -> None:
    file = compiled(
        """
        from llama_index.core.workflow import Event, StartEvent, StopEvent, Workflow, step
        from llama_index.llms.openai import OpenAI

        class Asked(Event):
            text: str

        class Flow(Workflow):
            def __init__(self, kind):
                super().__init__()
                self.kind = kind

            @step
            async def ask(self, ev: StartEvent) -> Asked:
                qs = await self.kind.acomplete(f"Ask about {ev.topic}")
                return Asked(text=str(qs))

            @step
            async def answer(self, ev: Asked) -> StopEvent:
                done = await self.kind.acomplete(f"Answer {ev.text}")
                return StopEvent(result=str(done))

        async def main():
            return await Flow(OpenAI(model="m")).run(topic="cats")
        """
    )
    assert edges(file) == {(15, 20, "data")}


def test_a_method_that_a_tool_is_made_of_is_asked_by_the_agent_alone() -> None:
    file = compiled(
        """
        from llama_index.core import VectorStoreIndex
        from llama_index.core.agent import ReActAgent
        from llama_index.core.tools import FunctionTool

        class Desk:
            def __init__(self):
                self.engine = VectorStoreIndex.from_documents([]).as_query_engine()
                self.agent = ReActAgent.from_tools([FunctionTool.from_defaults(fn=self.look)])

            def look(self, topic):
                return str(self.engine.query(topic))

            def ask(self, question):
                return self.agent.chat(question)
        """
    )
    assert {call.line for call in file.calls} == {12, 15}
    assert {(15, 12, "data"), (12, 15, "loop")} <= edges(file)


TRANSFORMS = """
from llama_index.core import QueryBundle, Settings
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.indices.query.query_transform import HyDEQueryTransform
from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.prompts import PromptTemplate

FACTS = PromptTemplate("You are careful with words and numbers. Split this into facts: {passage}")

class Suppose(HyDEQueryTransform):
    def _run(self, query_bundle, metadata):
        passage = self._llm.predict(self._hyde_prompt, context_str=query_bundle.query_str)
        return QueryBundle(query_bundle.query_str, custom_embedding_strs=[passage])

class Facts(BaseQueryTransform):
    def __init__(self):
        self._llm = Settings.llm

    def _run(self, query_bundle, metadata):
        passage = READ
        facts = self._llm.predict(FACTS, passage=passage)
        return QueryBundle(query_bundle.query_str, custom_embedding_strs=[facts])

class Transforming(BaseQueryEngine):
    def __init__(self, transforms):
        self._transforms = transforms

    def _query(self, query_bundle):
        for transform in self._transforms:
            query_bundle = transform.run(query_bundle, metadata=None)
        return query_bundle

def ask(question):
    return Transforming([Suppose(), Facts()]).query(question)
"""


@pytest.mark.parametrize(
    ("read", "found"),
    [("query_bundle.embedding_strs[0]", {(12, 21, "data")}), ("query_bundle.query_str", set())],
)
def test_transforms_of_a_query_hand_on_what_is_embedded_apart_from_the_question(
    read: str, found: set[tuple[int, int, str]]
) -> None:
    file = compiled(TRANSFORMS.replace("READ", read))
    assert [(call.line, call.kind) for call in file.calls] == [(12, "sdk"), (21, "sdk")]
    assert edges(file) == found


ENGINE = """
from llama_index.core import PromptTemplate, VectorStoreIndex, get_response_synthesizer

RULES = PromptTemplate("You answer from the books alone. Name the book, and its page. "
    "Where no book tells, say so: {query_str}\\nBooks: {context_str}")

class Library:
    def __init__(self, documents):
        self.index = VectorStoreIndex.from_documents(documents)

    def look(self, question):
        MAKE
        return str(engine.query(question))

def main(library):
    print(Library(library).look("Who wrote it?"))
"""


@pytest.mark.parametrize(
    "make",
    [
        "engine = self.index.as_query_engine(text_qa_template=RULES)",
        "engine = self.index.as_query_engine()\n"
        "        engine.update_prompts({'response_synthesizer:text_qa_template': RULES})",
        "engine = self.index.as_query_engine(\n"
        "            response_synthesizer=get_response_synthesizer(text_qa_template=RULES))",
    ],
)
def test_an_engine_with_a_template_of_its_own_asks_by_it(make: str) -> None:
    (call,) = compiled(ENGINE.replace("MAKE", make)).calls
    assert [part.text or part.name for part in call.segments][1:] == [
        "question",
        "\nBooks: ",
        "context_str",
    ]


def test_an_engine_without_one_sends_the_question() -> None:
    file = compiled(ENGINE.replace("MAKE", "engine = self.index.as_query_engine()"))
    assert {
        call.kind: [part.text or part.name for part in call.segments] for call in file.calls
    } == {
        "sdk": ["question"],
        "wrapper": ["Who wrote it?"],
    }


def test_a_tool_made_of_a_coroutine_asks_what_that_asks() -> None:
    file = compiled(
        """
        from llama_index.core.agent.workflow import FunctionAgent
        from llama_index.core.tools import FunctionTool
        from llama_index.llms.openai import OpenAI

        llm = OpenAI(model="m")

        async def criticise(text: str) -> str:
            return (await llm.acomplete(f"Tell what is wrong with this: {text}")).text

        TOOLS = {"criticise": FunctionTool.from_defaults(async_fn=criticise)}
        agent = FunctionAgent(tools=[*TOOLS.values()], llm=llm, system_prompt="You write.")

        async def main():
            print(await agent.run(user_msg=input()))
        """
    )
    assert {(15, 9, "data"), (9, 15, "loop")} <= edges(file)


@pytest.mark.parametrize(
    "asked", ["predict(JUDGE, report=text)", "structured_predict(Verdict, JUDGE, report=text)"]
)
@pytest.mark.parametrize("model", ['OpenAI(model="m")', "given"])
def test_a_template_that_a_model_is_given_is_filled_by_the_call(asked: str, model: str) -> None:
    file = compiled(
        f"""
        from llama_index.core.llms import LLM
        from llama_index.core.prompts import PromptTemplate
        from llama_index.llms.openai import OpenAI
        from schemas import Verdict

        JUDGE = PromptTemplate("Judge this: {{report}}")

        def judge(given: LLM, text: str):
            verdict = {model}.{asked}
            print(verdict)
        """
    )
    assert said(file, 10) == [(None, "Judge this: ", False), (None, "text", False)]
