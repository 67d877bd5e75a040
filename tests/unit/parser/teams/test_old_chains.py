"""LangChain's chains as they were made before there were pipes, and what chains are given."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said

CHAINS = """
from langchain.chains import ConversationChain, LLMChain, SequentialChain, SimpleSequentialChain
from langchain.memory import ConversationBufferMemory
from langchain.prompts import PromptTemplate
from langchain_openai import ChatOpenAI

llm = ChatOpenAI()
plan = LLMChain(llm=llm, prompt=PromptTemplate.from_template("Plan {topic}."), output_key="plan")
write = LLMChain(llm=llm, prompt=PromptTemplate.from_template("Write to {plan}"), output_key="text")
name = LLMChain(llm=llm, prompt=PromptTemplate.from_template("Name {topic}"), output_key="name")
both = LLMChain(llm=llm, prompt=PromptTemplate.from_template("Join {name}, {text}"))
"""


def test_chains_in_sequence_are_told_what_the_one_before_answered() -> None:
    file = compiled(
        CHAINS + 'work = SimpleSequentialChain(chains=[plan, write])\nwork.run("trees")\n'
    )
    assert lines(file) == [9, 13]
    assert edges(file) == {(13, 9, "data")}
    assert said(file, 13) == [(None, "Plan trees.", False)]


def test_chains_in_sequence_are_given_what_any_before_answered_by_its_name() -> None:
    file = compiled(
        CHAINS
        + "work = SequentialChain(chains=[plan, write, name, both], input_variables=['topic'])\n"
        + 'work({"topic": "trees"})\n'
    )
    assert lines(file) == [9, 10, 11, 13]
    assert edges(file) == {(13, 9, "data"), (9, 11, "data"), (10, 11, "data")}


@pytest.mark.parametrize(
    "asked",
    [
        "plan.run(topic)",
        "plan(topic)",
        "plan.predict(topic=topic)",
        'plan.invoke(input={"topic": topic})',
        "(plan.prompt_template | llm).invoke(topic)",
    ],
)
def test_a_template_is_filled_once_with_what_a_chain_is_given(asked: str) -> None:
    piped = 'PromptTemplate.from_template("Plan {topic}.")'
    source = f"def work(topic):\n    return {asked.replace('plan.prompt_template', piped)}\n"
    assert said(compiled(CHAINS + source), 13) == [
        (None, "Plan ", False),
        (None, "topic", False),
        (None, ".", False),
    ]


TALKS = """
prompt = PromptTemplate.from_template("Be kind.\\n{chat_history}\\nHuman: {text}")
memory = ConversationBufferMemory(memory_key="chat_history")
talk = MADE

def main():
    talk.predict(text="Hello.")
    talk.predict(text="And now?")
"""


@pytest.mark.parametrize(
    ("made", "heard"),
    [
        ("LLMChain(llm=llm, prompt=prompt, memory=memory)", {(18, 19, "data")}),
        ("ConversationChain(llm=llm, prompt=prompt)", {(18, 19, "data")}),
        ("LLMChain(llm=llm, prompt=prompt)", set()),
    ],
)
def test_a_chain_with_a_memory_hears_what_was_said_in_the_place_for_it(
    made: str, heard: set[tuple[int, int, str]]
) -> None:
    file = compiled(CHAINS + TALKS.replace("MADE", made))
    assert edges(file) == heard
    kinds = [segment.kind for segment in file.calls[-1].segments]
    assert kinds == ["static", "upstream" if heard else "variable", "static"]


ASSIGNED = """
from langchain_chroma import Chroma
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")
plan = ChatPromptTemplate.from_template("Plan {topic}") | llm
draft = ChatPromptTemplate.from_template("Write to this plan: {plan}") | llm
final = ChatPromptTemplate.from_template("Mend {draft} by {plan}") | llm
"""


@pytest.mark.parametrize(
    "work",
    [
        "RunnablePassthrough.assign(plan=plan).assign(draft=draft) | final",
        "RunnablePassthrough.assign(plan=plan) | RunnablePassthrough.assign(draft=draft) | final",
    ],
)
def test_what_is_assigned_beside_an_answer_is_handed_on_with_it(work: str) -> None:
    file = compiled(f'{ASSIGNED}work = {work}\nwork.invoke({{"topic": "trees"}})\n')
    assert edges(file) == {(12, 9, "data"), (12, 10, "data"), (9, 10, "data")}


@pytest.mark.parametrize("retriever", ["retriever", "retriever.map()", "retriever | join"])
def test_what_a_retriever_looks_up_by_an_answer_is_none(retriever: str) -> None:
    file = compiled(
        ASSIGNED
        + "retriever = Chroma().as_retriever()\n"
        + "def join(found): return str(found)\n"
        + f'work = {{"plan": plan | {retriever}}} | draft\n'
        + 'work.invoke({"topic": "trees"})\n'
    )
    assert lines(file) == [9, 14]
    assert edges(file) == set()


SERVED = """
from flask import request
from langchain.chains import ConversationChain
from langchain.memory import ConversationBufferMemory
from langchain_openai import ChatOpenAI
from strands import Agent

talk = ConversationChain(llm=ChatOpenAI())
agent = Agent(system_prompt="You help.")

@app.route("/talk")
def answer():
    return TALK
"""


@pytest.mark.parametrize("talk", ['talk.run(request.json["text"])', 'agent(request.json["text"])'])
def test_what_a_module_keeps_for_a_server_hears_what_was_said_in_a_turn_before(talk: str) -> None:
    assert edges(compiled(SERVED.replace("TALK", talk))) == {(13, 13, "loop")}


def test_what_a_function_makes_anew_for_each_turn_has_heard_nothing() -> None:
    own = "    talk = ConversationChain(llm=ChatOpenAI())\n    return"
    made = SERVED.replace("    return", own)
    assert edges(compiled(made.replace("TALK", 'talk.run(request.json["text"])'))) == set()


PAGE = """
import streamlit as st
from langchain.chains import ConversationalRetrievalChain
from langchain.memory import ConversationBufferMemory
from langchain_openai import ChatOpenAI

def make(store):
    memory = ConversationBufferMemory(memory_key="chat_history")
    return ConversationalRetrievalChain.from_llm(ChatOpenAI(), store.as_retriever(), memory=memory)

def answer(question):
    return st.session_state.talk({"question": question})

def main():
    st.write(answer(st.text_input("Ask")))
    st.session_state.talk = make(load())

main()
"""


@pytest.mark.parametrize("verb", ["", ".invoke"])
def test_what_a_users_session_keeps_hears_what_was_said_when_the_page_ran_before(verb: str) -> None:
    assert edges(compiled(PAGE.replace("talk(", f"talk{verb}("))) == {(12, 12, "loop")}
