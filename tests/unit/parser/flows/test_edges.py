"""Which call feeds which, and how."""

import pytest

from tests.unit.parser.compiled import compiled, edges, flows, joined, lines, package

ASK = """
import openai

def ask(prompt):
    return openai.Completion.create(model="m", prompt=prompt)["choices"][0]
"""


def test_a_local_variable_carries_an_output() -> None:
    file = compiled(
        ASK + "\ndef run(x):\n    plan = ask(f'Plan: {x}')\n    return ask(f'Do: {plan}')\n"
    )
    assert edges(file) == {(8, 9, "data")}
    assert file.calls[2].segments[1].call == file.calls[1].id


def test_arguments_and_returns_of_helpers_carry_outputs() -> None:
    file = compiled(
        ASK
        + """
def first(x):
    return ask("Write a short plan for the following task, step by step: " + x)

def second(plan):
    return ask("Carry out this plan and report what you did in one paragraph: " + plan)

def run(x):
    return second(first(x))
"""
    )
    assert edges(file) == {(8, 11, "data")}
    assert file.calls[2].depends_on[0].how == "return"


def test_an_attribute_carries_an_output_to_the_next_turn() -> None:
    file = compiled(
        """
        class Agent:
            def __init__(self, llm):
                self.llm = llm
                self.scratchpad = ""

            def step(self):
                thought = self.llm.invoke(f"Scratchpad so far: {self.scratchpad}")
                self.scratchpad += thought

            def run(self):
                while True:
                    self.step()
        """
    )
    assert edges(file) == {(8, 8, "loop")}
    assert file.calls[0].repeated_by[0].kind == "caller"


def test_a_history_carries_an_output_round_a_loop() -> None:
    file = compiled(
        """
        def chat(client, system):
            messages = [{"role": "system", "content": system}]
            while True:
                messages.append({"role": "user", "content": input()})
                reply = client.chat.completions.create(model="m", messages=messages)
                messages.append({"role": "assistant", "content": reply.choices[0].message.content})
        """
    )
    assert edges(file) == {(6, 6, "loop")}
    assert file.calls[0].depends_on[0].how == "history"
    assert file.calls[0].loop is not None
    assert file.calls[0].loop.kind == "while"


def test_calls_of_a_wrapper_share_the_history_it_keeps() -> None:
    file = compiled(
        """
        class Chat:
            def __init__(self, client):
                self.client = client
                self.messages = []

            def ask(self, text):
                self.messages.append({"role": "user", "content": text})
                reply = self.client.chat.completions.create(messages=self.messages).choices[0]
                self.messages.append({"role": "assistant", "content": reply})
                return reply

        def run(client):
            chat = Chat(client)
            chat.ask("Outline the report.")
            chat.ask("Now write it.")
        """
    )
    assert edges(file) == {(9, 9, "loop"), (15, 16, "data")}


def test_the_call_inside_a_wrapper_has_no_edges_from_what_it_is_given() -> None:
    file = compiled(ASK + "\ndef run(x):\n    a = ask(x)\n    return ask(a)\n")
    assert edges(file) == {(8, 9, "data")}


def test_a_graph_state_carries_outputs_between_nodes_and_round_its_cycle() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI
        from langgraph.graph import END, START, StateGraph

        llm = ChatOpenAI()

        def review(state):
            return {"review": llm.invoke(f"Review: {state['draft']}")}

        def write(state):
            return {"draft": llm.invoke(f"Write, minding {state['review']}")}

        graph = StateGraph(dict)
        graph.add_node("write", write)
        graph.add_node("review", review)
        graph.add_edge(START, "write")
        graph.add_edge("write", "review")
        graph.add_conditional_edges("review", lambda state: "write", {"write": "write", "end": END})
        app = graph.compile()
        app.invoke({"draft": ""})
        """
    )
    assert edges(file) == {(11, 8, "data"), (8, 11, "loop")}
    assert {loop.kind for call in file.calls for loop in call.repeated_by} == {"cycle"}


def test_a_streamlit_session_carries_outputs_to_the_next_run() -> None:
    file = compiled(
        """
        import streamlit as st

        if "messages" not in st.session_state:
            st.session_state.messages = []
        st.session_state.messages.append({"role": "user", "content": st.chat_input()})
        reply = client.chat.completions.create(model="m", messages=st.session_state.messages)
        said = reply.choices[0].message.content
        st.session_state.messages.append({"role": "assistant", "content": said})
        """
    )
    assert edges(file) == {(7, 7, "loop")}


def test_a_search_result_is_not_the_output_it_was_found_with() -> None:
    file = compiled(
        ASK
        + "\ndef run(x, db):\n    query = ask(x)\n    hits = db.search(query)\n"
        + "    return ask(f'{hits}')\n"
    )
    assert edges(file) == set()


def test_gathered_calls_all_feed_what_takes_the_list() -> None:
    file = compiled(
        """
        import asyncio
        from litellm import acompletion

        async def run(topics):
            notes = await asyncio.gather(*[acompletion(prompt=topic) for topic in topics])
            return await acompletion(model="m", prompt="\\n".join(notes))
        """
    )
    assert edges(file) == {(6, 7, "data")}
    assert file.calls[0].fanout == "gather"


def test_imports_between_the_files_of_a_package_are_followed() -> None:
    files = package(
        llm=ASK,
        agent="from .llm import ask\n\ndef run(x):\n    plan = ask(x)\n    return ask(plan)\n",
    )
    file = files["agent.py"]
    assert [call.via for call in file.calls] == [("ask:5",)] * 2
    assert edges_within(file.calls) == {(4, 5)}


def edges_within(calls: tuple) -> set[tuple[int, int]]:  # type: ignore[type-arg]
    line = {call.id: call.line for call in calls}
    return {
        (line[edge.call], call.line)
        for call in calls
        for edge in call.depends_on
        if edge.call in line
    }


def test_a_lambda_that_routes_a_graph_closes_its_cycle() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI
        from langgraph.graph import END, StateGraph

        llm = ChatOpenAI()

        def write(state):
            return {"draft": llm.invoke(f"Write. Mind this: {state['review']}").content}

        def review(state):
            return {"review": llm.invoke(f"Review this: {state['draft']}").content}

        graph = StateGraph(dict)
        graph.add_node("write", write)
        graph.add_node("review", review)
        graph.add_edge("write", "review")
        graph.add_conditional_edges("review", lambda state: "write" if state["review"] else END)
        """
    )
    assert edges(file) == {(8, 11, "data"), (11, 8, "loop")}


def test_a_tool_called_with_an_answer_hands_it_on() -> None:
    file = compiled(
        ASK
        + """
import functools, json

def run(question, tools):
    chosen = json.loads(ask(f"Choose a tool for this question: {question}"))
    tool = functools.partial(tools[chosen["name"]], **chosen)
    found = tool()
    return ask(f"Answer the question from what was found: {found}")
"""
    )
    assert edges(file) == {(10, 13, "data")}


def test_answers_awaited_as_the_keys_of_a_dict_reach_the_next_call() -> None:
    file = compiled(
        ASK
        + """
from concurrent.futures import as_completed

def run(executor, topics):
    waiting = {executor.submit(ask, topic): topic for topic in topics}
    parts = [future.result() for future in as_completed(waiting)]
    return ask(f"Write one report from these parts: {parts}")
"""
    )
    assert edges(file) == {(10, 12, "data")}


def test_recursion_hands_an_output_to_the_next_turn() -> None:
    file = compiled(
        ASK
        + """
def solve(state, depth):
    if depth == 0:
        return state
    thought = ask("Continue the chain of thought below by exactly one further step: " + state)
    return solve(state + thought, depth - 1)
"""
    )
    assert edges(file) == {(10, 10, "loop")}
    assert file.calls[1].depends_on[0].how == "argument"


RESEARCH = """
from concurrent.futures import ThreadPoolExecutor

class Researcher:
    def gaps(self, question):
        return ask(f"Name what is still unknown of this question, as a list: {question}")

    def sum_up(self, question, parts):
        return ask(f"Answer the question {question} by all of these findings: {parts}")

    def work(self, question, depth):
        if depth == 0:
            return "nothing is known"
        with ThreadPoolExecutor() as pool:
            jobs = [pool.submit(self.child, gap, depth) for gap in self.gaps(question)]
        return self.sum_up(question, [job.result() for job in jobs])

    def child(self, gap, depth):
        return Researcher().work(gap, depth - 1)

def main(question):
    print(Researcher().work(question, 3))
"""


def test_recursion_goes_on_from_what_was_answered_above_and_below() -> None:
    assert flows(RESEARCH) == {
        "gaps > gaps, later",
        "gaps > sum_up, later",
        "sum_up > sum_up, later",
    }


def test_what_recurses_side_by_side_runs_so_again_and_again() -> None:
    file = compiled(ASK + RESEARCH)
    asked = [call for call in file.calls if call.kind == "wrapper"]
    assert [call.fanout for call in asked] == ["submit", "submit"]
    assert all([loop.kind for loop in call.repeated_by] == ["recursion"] for call in asked)


def test_a_recursion_that_only_tries_again_repeats_nothing() -> None:
    file = compiled(
        ASK
        + """
def work(task, tries):
    answer = ask(f"Carry out this one step and tell what came of it: {task}")
    return answer if answer else work(task, tries - 1)
"""
    )
    assert not file.calls[1].repeated_by


def test_members_of_tuples_in_a_list_keep_their_places() -> None:
    file = compiled(
        """
        import openai

        def plan(results):
            return openai.Completion.create(model="m", prompt=f"Make a plan built on: {results}")

        def work(task):
            return openai.Completion.create(model="m", prompt=f"Carry out this one step: {task}")

        done = []
        while True:
            task = plan([result for _, result in done])
            done.append((task, work(task)))
        """
    )
    assert edges(file) == {(5, 8, "data"), (8, 5, "loop")}


def test_taking_a_member_of_one_list_does_not_mix_it_with_its_neighbours() -> None:
    file = compiled(
        ASK
        + """
def run(topics):
    names = [topics]
    replies = []
    replies.append(ask("Welcome the guest"))
    for each in (names, replies):
        print(each)
    return ask(f"Announce: {names}")
"""
    )
    assert edges(file) == set()


def test_an_attribute_that_a_function_sets_anew_holds_only_that_in_it() -> None:
    file = compiled(
        """
        class Agent:
            def start(self, llm):
                self.plan = ""
                first = llm.invoke(f"Plan: {self.plan}")
                self.plan = first
                return llm.invoke(f"Do: {self.plan}")
        """
    )
    assert edges(file) == {(5, 7, "data")}


def test_a_list_extended_with_an_output_holds_it() -> None:
    file = compiled(
        ASK
        + """
def queries(x):
    answer = ask("List the queries that a search engine needs for the following topic: " + x)
    try:
        return eval(answer)
    except ValueError:
        return []

def run(x):
    asked = []
    asked.extend(queries(x))
    return ask(f"These were asked: {asked}")
"""
    )
    assert edges(file) == {(8, 17, "data")}


def test_a_helper_that_gathers_outputs_in_a_loop_hands_them_on() -> None:
    file = compiled(
        ASK
        + """
def groups(replies):
    found = []
    current = ""
    for reply in replies:
        if len(current) > 100:
            found.append(current)
        current += reply
    return found

def run(executor, topics):
    replies = list(executor.map(lambda it: ask("Explain what is meant by " + it), topics))
    return list(executor.map(lambda it: ask("Say this in other words: " + it), groups(replies)))
"""
    )
    assert edges(file) == {(17, 18, "data")}


def test_what_a_state_takes_up_of_others_reaches_them_in_a_later_turn() -> None:
    assert flows(
        """
def code(text):
    return ask(f"Write code. {text}")

def check(text):
    return ask(f"Check this: {text}")

def run():
    state, before = "code", ""
    while state != "done":
        if state == "code":
            written = code(before)
            state = "check"
        elif state == "check":
            found = check(written)
            state = "retry"
        else:
            before = f"Before: {written} {found}"
            state = "code"
"""
    ) == {"code > code, later", "code > check, later", "check > code, later"}


@pytest.mark.parametrize(
    "filled",
    [
        'PromptTemplate.from_template("Write about {topic} for {reader}.").format(**plan())',
        'PromptTemplate.from_template("Write about {topic} for {reader}.").invoke(plan())',
        "fill(**plan())",
    ],
)
def test_an_answer_whose_fields_are_not_known_may_fill_any_of_a_template(filled: str) -> None:
    source = f"""
import json
from langchain_core.prompts import PromptTemplate

def fill(**fields):
    return "Write about {{topic}} for {{reader}}.".format(**fields)

def plan():
    return json.loads(ask("Plan a talk."))

def write():
    return ask({filled})
"""
    assert flows(source) == {"plan > write"}


def test_a_while_loop_may_not_run_at_all() -> None:
    file = compiled(
        ASK
        + "\ndef run(x):\n    draft = ask(x)\n    while bad(draft):\n        draft = ask(draft)\n"
        + "    return ask(draft)\n"
    )
    first, inner, last = lines(file)[-3:]
    assert {(first, last, "data"), (inner, last, "data"), (first, inner, "data")} <= edges(file)


def test_what_precedes_an_endless_loop_is_gone_where_its_body_sets_it_anew() -> None:
    file = compiled(
        ASK
        + "\ndef run(x):\n    draft = ask(x)\n    while True:\n        draft = ask('Say hello')\n"
        + "        break\n    return ask(draft)\n"
    )
    first, _, last = lines(file)[-3:]
    assert (first, last, "data") not in edges(file)


def test_a_conversation_grows_in_an_inherited_method_that_is_not_at_hand() -> None:
    file = compiled(
        """
        from fleet import Runner
        from openai import OpenAI

        class Dispatcher(Runner):
            def __init__(self):
                self.client = OpenAI()
                self.thread = []

            def step(self):
                said = [{"role": one.role, "content": one.text} for one in self.thread]
                reply = self.client.chat.completions.create(model="m", messages=said)
                self.remember(reply.choices[0].message.content)
        """
    )
    assert edges(file) == {(12, 12, "loop")}


def test_a_message_is_filled_in_place_by_a_function_that_is_not_at_hand() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from pieces import fold, log

        def chat(history):
            while True:
                message = {"role": "assistant", "content": ""}
                seen = {"role": "assistant", "content": ""}
                for chunk in OpenAI().chat.completions.create(messages=history, stream=True):
                    fold(message, chunk.choices[0].delta)
                    log(seen, chunk)
                history.append(message)

        def look(seen):
            return OpenAI().chat.completions.create(messages=[seen])
        """
    )
    assert edges(file) == {(9, 9, "loop")}


def test_what_a_loop_leaves_with_a_break_goes_past_its_else() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def work(task):
            found = OpenAI().responses.create(input=task)
            for _ in range(3):
                if check(found):
                    break
                found = OpenAI().responses.create(input=f"Fix {found}")
            else:
                found = OpenAI().responses.create(input="Anew: " + task)
            return OpenAI().responses.create(input=f"Tell {found}")
        """
    )
    assert {edge[0] for edge in edges(file) if edge[1] == 12} == {5, 9, 11}


def test_what_a_recursion_was_given_reaches_it_from_its_callers() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def ask(messages, retries):
            try:
                return OpenAI().chat.completions.create(messages=messages)
            except Exception:
                return ask(messages, retries - 1)

        def run(task):
            history = [{"role": "user", "content": task}]
            first = ask(history, 3)
            history.append({"role": "assistant", "content": first})
            return ask(history, 3)
        """
    )
    assert edges(file) == {(12, 14, "data")}


def test_what_is_added_last_of_all_is_not_seen_where_an_error_is_handled() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def ask(messages):
            try:
                answer = OpenAI().chat.completions.create(messages=messages)
                messages.append({"role": "assistant", "content": answer})
                return answer
            except Exception:
                return OpenAI().chat.completions.create(model="other", messages=messages)
        """
    )
    assert edges(file) == set()


def test_what_a_request_used_is_nothing_that_the_model_said() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def run(task):
            first = OpenAI().responses.create(input=task)
            return OpenAI().responses.create(input=f"{first.usage.total_tokens} tokens: {task}")
        """
    )
    assert edges(file) == set()


@pytest.mark.parametrize(
    ("told", "carried"),
    [
        ('(reply.get("usage") or {}).get("total_tokens")', set()),
        ('reply["usage"]["completion_tokens"]', set()),
        ('reply["choices"][0]["finish_reason"]', set()),
        ('reply["choices"][0]["message"]["content"]', {(6, 7, "data")}),
    ],
)
def test_what_a_record_tells_of_a_request_is_nothing_that_the_model_said(
    told: str, carried: set[tuple[int, int, str]]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        def run(task):
            ask = OpenAI().chat.completions.create
            reply = ask(model="m", messages=[{{"role": "user", "content": task}}]).model_dump()
            return ask(model="m", messages=[{{"role": "user", "content": f"{{{told}}}: {{task}}"}}])
        """
    )
    assert edges(file) == carried


def test_what_fills_a_template_whose_text_is_not_at_hand_reaches_the_prompt() -> None:
    file = compiled(
        """
        from jinja2 import Environment
        from openai import OpenAI

        def run(task, text):
            plan = OpenAI().responses.create(input=task)
            prompt = Environment().from_string(text).render(plan=plan)
            return OpenAI().responses.create(input=prompt)
        """
    )
    assert edges(file) == {(6, 8, "data")}


@pytest.mark.parametrize(
    "found",
    ["CODE.search(plan).group(1)", "CODE.findall(plan)[0]", "CODE.sub('', plan)"],
)
def test_what_a_pattern_finds_in_an_output_is_part_of_it(found: str) -> None:
    file = compiled(
        f"""
        import re
        from openai import OpenAI

        CODE = re.compile("code: (.*)")

        def run(task):
            plan = OpenAI().responses.create(input=task)
            return OpenAI().responses.create(input={found})
        """
    )
    assert edges(file) == {(8, 9, "data")}


def test_what_is_put_into_a_body_that_was_read_reaches_the_prompt() -> None:
    file = compiled(
        """
        import json
        from openai import OpenAI

        def run(body, is_short):
            first = OpenAI().responses.create(input="Name a word")
            prompt = "Short: {{word}}" if is_short else "Long: {{word}}"
            body = json.loads(body)
            body["messages"][0]["content"] = prompt.replace("{{word}}", first)
            return OpenAI().responses.create(input=json.dumps(body))
        """
    )
    assert edges(file) == {(6, 10, "data")}


SEARCHED = """
import json
import requests
from openai import OpenAI

def run(task):
    query = OpenAI().responses.create(model="m", input=task).output_text
    return OpenAI().responses.create(model="m", input=f"Summarize: {FOUND}").output_text
"""


def test_what_a_server_has_is_looked_up() -> None:
    found = "requests.get('http://shop', params={'q': query}).json()"
    assert edges(compiled(SEARCHED.replace("FOUND", found))) == set()


def test_what_a_thread_looks_up_is_not_made_of_what_it_is_given() -> None:
    found = "await asyncio.to_thread(collection.query, query_texts=[query])"
    source = SEARCHED.replace("FOUND", found).replace("def run", "async def run")
    assert edges(compiled(source)) == set()


@pytest.mark.parametrize(
    "found",
    [
        "Note.objects.filter(is_open=True).exclude(title=query).first()",
        "[note.text for note in Note.objects.filter(Q(title=query) | Q(text=query))]",
        "Note.query.filter_by(title=query).all()",
        "db.query(Note).filter(Note.title.contains(query)).one_or_none()",
        "self.session.query(Note).join(Tag).where(Tag.name.like(query)).all()",
        "list(self.collection.find({'tag': query}).sort(query).limit(query))",
    ],
)
def test_rows_that_a_query_finds_are_not_made_of_what_it_is_given(found: str) -> None:
    assert edges(compiled(SEARCHED.replace("FOUND", found))) == set()


@pytest.mark.parametrize(
    "kept",
    [
        "Note.objects.create(text=query).text",
        "Note.objects.update_or_create(title='plan', defaults={'text': query})",
    ],
)
def test_rows_that_are_written_hold_what_they_are_given(kept: str) -> None:
    assert edges(compiled(SEARCHED.replace("FOUND", kept))) == {(7, 8, "data")}


def test_what_is_read_from_an_answer_is_made_of_it() -> None:
    found = "json.loads(query)"
    assert edges(compiled(SEARCHED.replace("FOUND", found))) == {(7, 8, "data")}


@pytest.mark.parametrize(
    ("found", "carried"),
    [
        ("sql_engine.get_schema(plan)", set()),
        ("notes_collection.find({'plan': plan}).limit(5)", set()),
        ("notes.get_summary(plan)", {(8, 9, "data")}),
    ],
)
def test_what_is_found_in_a_database_with_an_answer_carries_none(
    found: str, carried: set[tuple[int, int, str]]
) -> None:
    work = f"""
def work(question, sql_engine, notes, notes_collection):
    plan = ask(f"Plan: {{question}}")
    return ask(f"Write with {{{found}}}")
"""
    assert edges(compiled(ASK + work)) == carried


@pytest.mark.parametrize(
    ("asked", "flow"),
    [
        ("for name in told: ask(f'Rate {name}.')", {"Name > Say"}),
        ("for name in told.keys(): ask(f'Rate {name}.')", {"Name > Say"}),
        ("for name in told: ask(f'Rate {told[name]}.')", {"Name > Say", "Say > Rate"}),
        ("for name, text in told.items(): ask(f'Rate {text}.')", {"Name > Say", "Say > Rate"}),
        ("ask(f'Rate {list(told.values())}.')", {"Name > Say", "Say > Rate"}),
    ],
)
def test_a_dict_by_keys_that_are_not_known_gives_its_keys_and_its_values_apart(
    asked: str, flow: set[str]
) -> None:
    source = """
    def main(names):
        told = {}
        about = ask("Name a sea.")
        for name in names:
            told[name] = ask(f"Say where {name} is, by {about}.")
        ASKED
    """
    assert joined(source.replace("ASKED", asked)) == flow


FUTURES = """
from concurrent.futures import ThreadPoolExecutor, as_completed

def work(sea):
    return ask(f"Say where this sea is as well as you can, in three sentences: {sea}")

def main():
    seas = ask("Name seas.").splitlines()
    told = {}
    with ThreadPoolExecutor() as pool:
        MAKE
        for future in as_completed(futures):
            told[futures[future]] = future.result()
    ask(f"Rate {list(told.values())}.")
"""


@pytest.mark.parametrize(
    "made",
    [
        "futures = {pool.submit(work, sea): sea for sea in seas}",
        """futures = {}
        for sea in seas:
            futures[pool.submit(work, sea)] = sea""",
    ],
)
def test_futures_in_a_dict_hand_on_what_was_answered_and_no_more(made: str) -> None:
    assert joined(FUTURES.replace("MAKE", made)) == {"Name > Say", "Say > Rate"}
