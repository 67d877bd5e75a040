"""LangChain's runnables, and LangGraph's swarms."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines, only
from tests.unit.parser.teams.speaking import said

RUNNABLES = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableBranch, RunnableLambda, RunnableParallel
from langchain_core.runnables import RunnablePassthrough, RunnableSequence
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")
joke = ChatPromptTemplate.from_template("Joke about {topic}") | llm | StrOutputParser()
poem = ChatPromptTemplate.from_template("Poem about {topic}") | llm | StrOutputParser()
judge = ChatPromptTemplate.from_template("Is {joke} funny?")

def choose(given):
    return joke if "fun" in given["topic"] else poem

work = WORK

def ask(topic):
    return work.invoke({"topic": topic})
"""


@pytest.mark.parametrize(
    ("work", "called", "joined"),
    [
        ("joke", [19], set()),
        ("RunnableParallel(joke=joke, poem=poem)", [10, 19], set()),
        ('RunnableParallel({"joke": joke, "poem": poem})', [10, 19], set()),
        ('{"joke": joke} | judge | llm', [16, 19], {(19, 16, "data")}),
        ("RunnablePassthrough.assign(joke=joke) | judge | llm", [16, 19], {(19, 16, "data")}),
        ("joke | judge | llm", [16, 19], {(19, 16, "data")}),
        ("joke | RunnableSequence(judge, llm)", [16, 19], {(19, 16, "data")}),
        ("joke | llm", [16, 19], {(19, 16, "data")}),
        (
            "joke | (lambda text: text.upper()) | llm | StrOutputParser()",
            [16, 19],
            {(19, 16, "data")},
        ),
        (
            "RunnableParallel(joke=joke, poem=poem) | (lambda both: both['joke']) | llm",
            [10, 16, 19],
            {(10, 16, "data"), (19, 16, "data")},
        ),
        ("RunnableSequence(joke, judge, llm)", [16, 19], {(19, 16, "data")}),
        ('{"topic": joke} | poem', [10, 19], {(19, 10, "data")}),
        ('{"other": joke} | poem', [10, 19], set()),
        ('RunnableBranch((lambda x: x["fun"], joke), poem)', [10, 19], set()),
        ("RunnableLambda(choose)", [10, 19], set()),
        ("RunnablePassthrough() | choose", [10, 19], set()),
    ],
)
def test_runnables_lead_to_each_chain_that_is_part_of_them(
    work: str, called: list[int], joined: set[tuple[int, int, str]]
) -> None:
    file = compiled(RUNNABLES.replace("WORK", work))
    assert lines(file) == called
    assert edges(file) == joined


TAKEN_ON = """
from operator import itemgetter
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")
plan = ChatPromptTemplate.from_template("Plan {topic}") | llm | StrOutputParser()
draft = ChatPromptTemplate.from_template("Write to this plan: {plan}") | llm | StrOutputParser()
final = ChatPromptTemplate.from_template("Mend {draft}, {other}") | llm | StrOutputParser()
first = RunnableParallel(plan=plan, topic=itemgetter("topic"))
work = first | {"draft": draft, "other": TAKEN} | final
work.invoke({"topic": "trees"})
"""


def test_a_dict_takes_on_what_an_earlier_one_held() -> None:
    file = compiled(TAKEN_ON.replace("TAKEN", 'itemgetter("plan")'))
    assert edges(file) == {(14, 10, "data"), (10, 11, "data"), (14, 11, "data")}


def test_what_no_chain_answered_is_taken_on_from_the_input() -> None:
    file = compiled(TAKEN_ON.replace("TAKEN", 'itemgetter("topic")'))
    assert edges(file) == {(14, 10, "data"), (10, 11, "data")}


def test_chains_in_parallel_run_side_by_side_and_are_asked_the_same() -> None:
    file = compiled(RUNNABLES.replace("WORK", "RunnableParallel(joke=joke, poem=poem)"))
    assert [call.fanout for call in file.calls] == ["fork", "fork"]
    assert said(file, 10) == [(None, "Poem about ", False), (None, "topic", False)]
    assert said(file, 19) == [(None, "Joke about ", False), (None, "topic", False)]


def test_a_batch_is_filled_with_the_fields_of_each() -> None:
    source = RUNNABLES.replace("WORK", "joke").replace(
        'invoke({"topic": topic})', 'batch([{"topic": one} for one in topic])'
    )
    assert said(compiled(source), 19) == [(None, "Joke about ", False), (None, "one", False)]


SWARM = """
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent
from langgraph_swarm import create_handoff_tool, create_swarm

model = ChatOpenAI(model="m")
alice = create_react_agent(model, [create_handoff_tool(agent_name="Bob")], name="Alice")
bob = create_react_agent(model, tools=[TOOLS], prompt="You are Bob.", name="Bob")
app = create_swarm([alice, bob], default_active_agent="Alice").compile()

def main(text):
    return app.invoke({"messages": [{"role": "user", "content": text}]})
"""


def test_agents_of_a_swarm_go_on_where_a_tool_hands_over() -> None:
    assert edges(compiled(SWARM.replace("TOOLS", ""))) == {(12, 8, "data")}


def test_agents_of_a_swarm_that_hand_over_to_each_other_go_round() -> None:
    file = compiled(SWARM.replace("TOOLS", 'create_handoff_tool(agent_name="Alice")'))
    assert edges(file) == {(12, 8, "data"), (8, 12, "loop"), (8, 8, "loop"), (12, 12, "loop")}


def test_a_field_that_no_prompt_takes_carries_nothing() -> None:
    file = compiled(
        """
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_openai import ChatOpenAI

        llm = ChatOpenAI(model="m")
        classify = ChatPromptTemplate.from_template("Classify: {question}") | llm
        answer = ChatPromptTemplate.from_template("Answer in a line: {question}") | llm

        def work(question):
            kind = classify.invoke({"question": question})
            return answer.invoke({"question": question, "kind": kind})
        """
    )
    assert edges(file) == set()


def test_a_schema_is_no_part_of_a_request_in_json_mode() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI
        from pydantic import BaseModel

        class Answer(BaseModel):
            text: str

        strict = ChatOpenAI(model="m").with_structured_output(Answer)
        plain = ChatOpenAI(model="m").with_structured_output(Answer, method="json_mode")

        def work(question):
            strict.invoke(question)
            plain.invoke(question)
        """
    )
    assert [bool(call.head) for call in file.calls] == [True, False]


UNSEEN_PROMPTS = """
from langchain_core.runnables import RunnableBranch, RunnableLambda
from langchain_openai import ChatOpenAI
from shop.prompts import code_prompt, math_prompt, sum_prompt

llm = ChatOpenAI(model="m")
branch = RunnableBranch((lambda x: x["code"], code_prompt | llm), math_prompt | llm)
summing = RunnableLambda(lambda x: {"answer": x["reply"].content}) | sum_prompt | llm

def run(question):
    reply = branch.invoke({"question": question, "code": True})
    return summing.invoke({"reply": reply})
"""


def test_a_branch_leads_to_chains_whose_prompts_are_not_at_hand() -> None:
    file = compiled(UNSEEN_PROMPTS)
    assert lines(file) == [7, 11, 12]
    assert edges(file) == {(7, 12, "data"), (11, 12, "data")}


SEEN = """
from langchain_core.prompts import PromptTemplate
code_prompt = math_prompt = PromptTemplate.from_template("Answer: {question}")
sum_prompt = PromptTemplate.from_template("Sum up: {answer}")
"""


def test_a_function_before_a_prompt_may_fill_it_with_all_that_the_chain_is_given() -> None:
    imported = "from shop.prompts import code_prompt, math_prompt, sum_prompt"
    file = compiled(UNSEEN_PROMPTS.replace(imported, SEEN.strip()))
    assert edges(file) == {(9, 14, "data"), (13, 14, "data")}


SERVED = """
from langchain.agents import create_agent
from langchain_core.tools import tool

helper = create_agent("m", tools=[], system_prompt="You help.")

@tool
def look(question: str) -> str:
    "Look something up."
    return helper.invoke({"messages": [("user", question)]})["messages"][-1].content

agent = create_agent("m", tools=[look], system_prompt="You lead.")
"""


def test_an_agent_that_a_module_keeps_and_nothing_runs_is_run_by_the_server() -> None:
    file = compiled(SERVED)
    assert lines(file) == [10, 12]
    assert edges(file) == {(12, 10, "data"), (10, 12, "loop"), (12, 12, "loop")}


DEEP = """
from deepagents import CompiledSubAgent, create_deep_agent
from deepagents.middleware.subagents import SubAgentMiddleware
from langchain.agents import create_agent

RULES = "You research."
research = {
    "name": "research", "description": "Researches.", "system_prompt": RULES, "tools": []
}
planner = create_agent("m", tools=[], system_prompt="You plan.")
"""


def test_subagents_that_dicts_describe_are_asked_as_tools() -> None:
    file = compiled(
        DEEP
        + 'agent = create_deep_agent("m", [], system_prompt="You lead.", subagents=[\n'
        + "    research,\n"
        + '    {"name": "critic", "description": "Criticises.", "prompt": "You criticise."},\n'
        + '    CompiledSubAgent(name="plan", description="Plans.", runnable=planner),\n'
        + "])\n"
        + "def ask(question):\n"
        + '    return agent.invoke({"messages": [("user", question)]})\n'
    )
    assert lines(file) == [7, 10, 13, 17]
    assert edges(file) == {(17, 17, "loop")} | {
        edge for one in (7, 10, 13) for edge in ((17, one, "data"), (one, 17, "loop"))
    }
    assert said(file, 7)[0] == ("system", "You research.", False)
    assert said(file, 17)[0] == ("system", "You lead.", False)


def test_subagents_are_given_by_a_middleware_as_well() -> None:
    file = compiled(
        DEEP
        + "agent = create_agent(\n"
        + '    "m", tools=[], middleware=[SubAgentMiddleware(subagents=[research])]\n'
        + ")\n"
    )
    assert edges(file) >= {(11, 7, "data"), (7, 11, "loop")}


EXECUTOR = """
from langchain_classic.agents import AgentExecutor, create_tool_calling_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")

@tool
def shorten(text: str) -> str:
    "Shorten a text."
    return llm.invoke(f"Shorten {text}").content

prompt = ChatPromptTemplate.from_messages(
    [("system", "You help."), ("placeholder", "{history}"), ("human", "{input}")]
)
agent = create_tool_calling_agent(llm, [shorten], prompt)
executor = AgentExecutor(agent=agent, tools=[shorten])
"""


def test_an_executor_asks_by_the_template_of_its_agent_and_calls_its_tools() -> None:
    file = compiled(
        EXECUTOR + '\ndef ask(question):\n    return executor.invoke({"input": question})\n'
    )
    assert lines(file) == [13, 22]
    assert edges(file) == {(22, 13, "data"), (13, 22, "loop"), (22, 22, "loop")}
    assert said(file, 22)[0] == ("system", "You help.", False)
    assert ("user", "question", False) in said(file, 22)


@pytest.mark.parametrize("runnable", ["executor", "prompt | llm"])
def test_what_hands_on_a_sessions_history_asks_as_what_it_is_given(runnable: str) -> None:
    file = compiled(
        EXECUTOR
        + f"chat = RunnableWithMessageHistory({runnable}, lambda one: None)\n"
        + "while True:\n"
        + '    print(chat.invoke({"input": input()}))\n'
    )
    assert said(file, 22)[0] == ("system", "You help.", False)
    assert (22, 22, "loop") in edges(file)


COPIED = """
from deepagents import create_deep_agent
from langchain_core.tools import tool
from openai import OpenAI

@tool
def research(question: str) -> str:
    "Look something up."
    return OpenAI().responses.create(model="m", instructions="Search.", input=question).output_text

def watched(real):
    copy = real.model_copy()
    object.__setattr__(copy, "name", "watched " + real.name)
    return copy

TOOLS = (("Research", research),)
agent = create_deep_agent(model="m", tools=[watched(one) for _, one in TOOLS])
agent.invoke({"messages": [{"role": "user", "content": input()}]})
"""


def test_a_copy_of_a_tool_asks_what_the_tool_asks() -> None:
    assert edges(compiled(COPIED)) == {(18, 9, "data"), (9, 18, "loop"), (18, 18, "loop")}


RETRIEVAL = """
from langchain.chains import create_history_aware_retriever, create_retrieval_chain
from langchain.chains.combine_documents import create_stuff_documents_chain
from langchain_community.chat_message_histories import FileChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI
from store import retriever
import streamlit

model = ChatOpenAI()
answer = ChatPromptTemplate.from_messages(
    [("system", "Answer from {context}."), MessagesPlaceholder("past"), ("human", "{input}")])
rewrite = ChatPromptTemplate.from_messages(
    [("system", "Rewrite the question."), ("placeholder", "{past}"), ("human", "{input}")])
aware = create_history_aware_retriever(model, retriever, rewrite)
answering = create_stuff_documents_chain(model, answer)
chain = create_retrieval_chain(RETRIEVER, answering)
store = {}

def history_of(session):
    return HISTORY

talk = RunnableWithMessageHistory(chain, history_of, history_messages_key="past")
reply = RUNNABLE.invoke({"input": streamlit.chat_input()})
"""


def retrieval(retriever: str, runnable: str, history: str = "store[session]") -> CompiledFile:
    given = RETRIEVAL.replace("RETRIEVER", retriever).replace("HISTORY", history)
    return compiled(given.replace("RUNNABLE", runnable))


def test_a_retrieval_chain_asks_with_the_template_of_the_chain_that_it_is_given() -> None:
    file = retrieval("retriever", "chain")
    assert lines(file) == [25]
    assert said(file, 25)[:2] == [("system", "Answer from ", False), ("system", "context", False)]


def test_a_retriever_that_asks_comes_first_and_what_it_looks_up_is_no_answer() -> None:
    file = retrieval("aware", "chain")
    assert said(file, 25)[0] == ("system", "Rewrite the question.", False)
    assert said(file, 17)[0] == ("system", "Answer from ", False)
    assert edges(file) == set()


@pytest.mark.parametrize(
    "history", ["streamlit.session_state.talks[session]", 'FileChatMessageHistory("talk.json")']
)
def test_a_history_that_outlasts_a_run_is_heard_in_its_place_by_every_chain(history: str) -> None:
    assert edges(retrieval("aware", "talk", history)) == {(17, 25, "loop"), (17, 17, "loop")}


def test_a_history_that_ends_with_the_program_tells_a_single_run_nothing() -> None:
    assert edges(retrieval("aware", "talk")) == set()


def test_a_loop_sends_an_agent_what_was_asked_and_answered_before() -> None:
    file = compiled(
        """
        from langchain.agents import create_agent

        agent = create_agent("small", tools=[])

        def talk():
            state = {"messages": []}
            while True:
                state["messages"].append(("user", input()))
                state = agent.invoke(state)
        """
    )
    assert [(part.role, part.each_turn) for part in only(file).segments] == [
        ("user", False),
        ("assistant", True),
        ("user", True),
    ]
