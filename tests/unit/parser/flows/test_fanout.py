"""Calls that run side by side, and those that only look so."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, flows

HELPERS = """
import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from joblib import Parallel, delayed
from openai import AsyncOpenAI, OpenAI

async def later(essay):
    return await AsyncOpenAI().responses.create(input=f"You grade essays, fairly. Essay: {essay}")

def now(essay):
    return OpenAI().responses.create(input=f"You grade essays, fairly. Essay: {essay}")

async def main(essays, pool):
"""

AT_ONCE = [
    ("gather", "await asyncio.gather(*[later(essay) for essay in essays])"),
    ("gather", "await asyncio.gather(later(essays[0]), later(essays[1]))"),
    ("gather", "jobs = [later(essay) for essay in essays]\n    await asyncio.gather(*jobs)"),
    ("create_task", "jobs = [asyncio.create_task(later(essay)) for essay in essays]"),
    (
        "gather",
        "jobs = [later(essays[0])]\n    jobs.append(later(essays[1]))\n"
        "    await asyncio.gather(*jobs)",
    ),
    (
        "gather",
        "one = later(essays[0])\n    other = later(essays[1])\n"
        "    await asyncio.gather(one, other)",
    ),
    (
        "gather",
        "one = asyncio.create_task(later(essays[0]))\n"
        "    other = asyncio.create_task(later(essays[1]))\n"
        "    await asyncio.gather(one, other)",
    ),
    (
        "create_task",
        "if essays:\n        asyncio.create_task(later(essays[0]))\n"
        "    asyncio.create_task(later(essays[1]))",
    ),
    (
        "create_task",
        "task = asyncio.create_task(later(essays))\n    tasks.add(task)\n"
        "    task.add_done_callback(tasks.discard)",
    ),
    ("create_task", "tasks.add(asyncio.create_task(later(essays)))"),
    (
        "create_task",
        "async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(later(essays[0]))\n"
        "        group.create_task(later(essays[1]))",
    ),
    (
        "submit",
        "one = pool.submit(now, essays[0])\n    other = pool.submit(now, essays[1])\n"
        "    print(one.result(), other.result())",
    ),
    (
        "thread",
        "Thread(target=now, args=(essays[0],)).start()\n"
        "    Thread(target=now, args=(essays[1],)).start()",
    ),
    (
        "create_task",
        "async with asyncio.TaskGroup() as group:\n        for essay in essays:\n"
        "            group.create_task(later(essay))",
    ),
    ("map", "list(pool.map(now, essays))"),
    ("map", "pool.imap_unordered(now, essays)"),
    ("map", "pool.starmap_async(now, essays)"),
    ("parallel", "Parallel(n_jobs=4)(delayed(now)(essay) for essay in essays)"),
    ("submit", "jobs = [pool.submit(now, essay) for essay in essays]"),
    ("to_thread", "await asyncio.gather(*[asyncio.to_thread(now, essay) for essay in essays])"),
    (
        "gather",
        "await asyncio.gather(\n        asyncio.to_thread(now, essays[0]), "
        "asyncio.to_thread(now, essays[1]))",
    ),
    (
        "gather",
        "jobs = [asyncio.to_thread(now, essays[0]), asyncio.to_thread(now, essays[1])]\n"
        "    await asyncio.gather(*jobs)",
    ),
    (
        "gather",
        "async def one(x):\n        return await later(x)\n    "
        "await asyncio.gather(*map(one, essays))",
    ),
]


@pytest.mark.parametrize(("way", "body"), AT_ONCE)
def test_what_a_helper_asks_runs_side_by_side_as_the_helper_does(way: str, body: str) -> None:
    found = {call.fanout for call in compiled(f"{HELPERS}    {body}\n").calls}
    assert found == {None, way}


@pytest.mark.parametrize(
    "body",
    [
        "for essay in essays:\n        await later(essay)",
        "[await later(essay) for essay in essays]",
        "list(map(now, essays))",
        "task = asyncio.create_task(later(essays))\n    await task",
        "await asyncio.to_thread(now, essays)",
        "one = later(essays)\n    await one\n    await asyncio.gather(*essays)",
        "await asyncio.wait_for(asyncio.to_thread(now, essays), 9)",
        "await asyncio.wait_for(later(essays), 9)",
        "asyncio.create_task(later(essays))",
        "one = asyncio.create_task(later(essays[0]))\n    await one\n"
        "    other = asyncio.create_task(later(essays[1]))\n    await other",
        "one = pool.submit(now, essays[0])\n    print(one.result())\n"
        "    other = pool.submit(now, essays[1])\n    print(other.result())",
        "pool.submit(now, essays[0]).result()\n    pool.submit(now, essays[1]).result()",
        "if pool:\n        asyncio.create_task(later(essays[0]))\n    else:\n"
        "        asyncio.create_task(later(essays[1]))",
        "if pool:\n        asyncio.create_task(later(essays[0]))\n        return\n"
        "    asyncio.create_task(later(essays[1]))",
        "with ThreadPoolExecutor() as pool:\n        pool.submit(now, essays[0])\n"
        "    with ThreadPoolExecutor() as pool:\n        pool.submit(now, essays[1])",
    ],
)
def test_what_runs_one_after_the_other_is_not_fanned_out(body: str) -> None:
    assert {call.fanout for call in compiled(f"{HELPERS}    {body}\n").calls} == {None}


def test_a_batch_asks_for_several_answers_at_once() -> None:
    file = compiled(
        "from langchain_openai import ChatOpenAI\nChatOpenAI().abatch(['Say one', 'Say two'])\n"
    )
    assert file.calls[0].fanout == "batch"


def test_calls_that_a_pool_maps_over_are_repeated() -> None:
    file = compiled(f"{HELPERS}    list(pool.map(now, essays))\n")
    assert [loop.kind for call in file.calls for loop in call.repeated_by] == ["caller"]


@pytest.mark.parametrize(
    "body",
    [
        "await together([later(essay) for essay in essays])",
        "await together([client.responses.create(input=essay) for essay in essays])",
        "run_in_parallel(now, essays)",
    ],
)
def test_a_function_that_waits_for_several_things_lets_them_run_side_by_side(body: str) -> None:
    together = """
async def together(jobs):
    return await asyncio.gather(*[run(job) for job in jobs])
"""
    found = {call.fanout for call in compiled(f"{HELPERS}    {body}\n{together}").calls}
    assert found - {None}


def test_a_wrapper_that_is_awaited_in_a_thread_of_its_own_is_not_fanned_out() -> None:
    file = compiled(
        """
        import asyncio
        from openai import OpenAI

        def ask(prompt):
            return OpenAI().responses.create(input=prompt)

        async def run(question):
            return await asyncio.to_thread(ask, question)
        """
    )
    assert [call.fanout for call in file.calls] == [None, None]


def test_coroutines_that_a_plain_function_lets_a_loop_run_are_side_by_side() -> None:
    body = """
        jobs = []
        for essay in essays:
            jobs.append(later(essay))
        loop.run_until_complete(asyncio.gather(*jobs))
    """
    plain = HELPERS.replace("async def main", "def main")
    assert {call.fanout for call in compiled(f"{plain}{body}\n").calls} == {None, "gather"}


FORK = """
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

llm = ChatOpenAI(model="m")

def praise(state):
    return {"good": llm.invoke(f"Praise the plan: {state['plan']}").content}

def blame(state):
    return {"bad": llm.invoke(f"Blame the plan: {state['plan']}").content}

graph = StateGraph(dict)
graph.add_node("praise", praise)
graph.add_node("blame", blame)
"""


def test_nodes_that_one_node_leads_to_without_a_condition_run_side_by_side() -> None:
    file = compiled(FORK + 'graph.add_edge(START, "praise")\ngraph.add_edge(START, "blame")\n')
    assert [call.fanout for call in file.calls] == ["fork", "fork"]


INNER = """
def polish(state):
    return {"better": llm.invoke(f"Polish this: {state['good']}").content}

inner = StateGraph(dict)
inner.add_sequence([praise, polish])
inner.add_edge(START, "praise")
graph = StateGraph(dict)
graph.add_node("praise", inner.compile())
graph.add_node("blame", blame)
"""


@pytest.mark.parametrize(
    "joined",
    [
        'graph.add_edge(START, "praise")\ngraph.add_edge(START, "blame")\n',
        'for name in ("praise", "blame"):\n    graph.add_edge(START, name)\n',
        'GOOD = "praise"\ngraph.add_edge(START, end_key=GOOD)\ngraph.add_edge(START, "blame")\n',
    ],
)
def test_a_graph_that_one_node_leads_to_beside_others_runs_beside_them_all_through(
    joined: str,
) -> None:
    file = compiled(FORK + INNER + joined)
    assert [call.fanout for call in file.calls] == ["fork"] * 3


def test_a_node_that_chooses_between_others_runs_none_beside_another() -> None:
    file = compiled(FORK + 'graph.add_conditional_edges(START, pick, ["praise", "blame"])\n')
    assert [call.fanout for call in file.calls] == [None, None]


ROUTED = """
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

llm = ChatOpenAI(model="m")
WRITING = {"essay", "poem"}

def classify(state):
    return {"kind": llm.invoke(f"Name the kind of {state['text']}").content}

def by_kind(state):
    if ASKED:
        return "outline"
    return "answer"

def outline(state):
    return OUTLINED

def answer(state):
    kind = state.get("kind")
    if kind == "greeting":
        return {"said": llm.invoke("Greet.").content}
    if kind == "essay":
        return {"said": llm.invoke("Write an essay.").content}
    return {"said": llm.invoke("Write.").content}

def check(state):
    return {"checked": llm.invoke("Check.").content}

graph = StateGraph(dict)
graph.add_node("classify", classify)
graph.add_node("outline", outline)
graph.add_node("answer", answer)
graph.add_node("check", check)
graph.add_edge(START, "classify")
graph.add_conditional_edges("classify", by_kind)
graph.add_edge("outline", "answer")
graph.add_edge("outline", "check")
"""
ALL = [None, "fork", "fork", "fork", "fork"]


@pytest.mark.parametrize(
    ("asked", "outlined", "fanouts"),
    [
        ('state.get("kind") in WRITING', "{}", [None, None, "fork", "fork", "fork"]),
        ('state["kind"] == "poem"', "{}", [None, None, None, "fork", "fork"]),
        ('state["kind"] == "poem" and state["text"]', "{}", [None, None, None, "fork", "fork"]),
        ('state["text"]', "{}", ALL),
        ('state["text"]: return state["next"]\n    if state["kind"] == "poem"', "{}", ALL),
        ('state["kind"] != "poem"', "{}", ALL),
        ('state["kind"] == "poem" or state["text"]', "{}", ALL),
        ('state["kind"] == "poem"', '{"kind": state["other"]}', ALL),
    ],
)
def test_a_branch_for_what_no_router_lets_into_a_fork_runs_beside_nothing(
    asked: str, outlined: str, fanouts: list[str | None]
) -> None:
    file = compiled(ROUTED.replace("ASKED", asked).replace("OUTLINED", outlined))
    assert [call.fanout for call in file.calls] == fanouts


def test_the_other_way_out_of_a_branch_runs_in_a_fork() -> None:
    source = ROUTED.replace("ASKED", 'state["kind"] == "poem"').replace("OUTLINED", "{}")
    otherwise = source.replace('    if kind == "essay":', "    else:")
    assert [call.fanout for call in compiled(otherwise).calls][:3] == [None, None, "fork"]


def test_a_second_way_into_a_fork_brings_what_its_router_lets_through() -> None:
    source = ROUTED.replace("ASKED", 'state["kind"] == "poem"').replace("OUTLINED", "{}")
    more = 'graph.add_edge("check", "outline")\n'
    assert [call.fanout for call in compiled(source + more).calls] == ALL


def test_two_graphs_of_one_name_do_not_fork_together() -> None:
    edges = 'graph.add_edge(START, "praise")\ngraph = StateGraph(dict)\n'
    file = compiled(FORK + edges + 'graph.add_edge(START, "blame")\n')
    assert [call.fanout for call in file.calls] == [None, None]


def test_a_wrapper_that_asks_several_models_at_once_is_called_side_by_side() -> None:
    file = compiled(
        """
        import asyncio
        from litellm import acompletion

        async def ask(model, messages):
            return await acompletion(model=model, messages=messages)

        async def ask_all(models, messages):
            tasks = [ask(model, messages) for model in models]
            answers = await asyncio.gather(*tasks)
            return dict(zip(models, answers))

        async def main(models, question):
            told = f"Answer in one word, whatever it takes: {question}"
            return await ask_all(models, [{"role": "user", "content": told}])
        """
    )
    assert [(call.line, call.fanout) for call in file.calls] == [
        (6, None),
        (9, "gather"),
        (15, "gather"),
    ]


LISTED = """
import asyncio
from agents import Agent, Runner

async def run(topic):
    market = Agent(name="market", instructions="Research the market.")
    rivals = Agent(name="rivals", instructions="Research the rivals.")
    BODY
"""


def test_what_a_client_is_asked_in_a_list_that_is_awaited_together_runs_side_by_side() -> None:
    body = """
    jobs = [Runner.run(market, topic), Runner.run(rivals, topic)]
    return await asyncio.gather(*jobs)
    """
    assert [call.fanout for call in compiled(LISTED.replace("BODY", body.strip())).calls] == [
        "gather",
        "gather",
    ]


def test_a_list_of_what_was_awaited_one_by_one_does_not() -> None:
    body = """
    said = [await Runner.run(market, topic), await Runner.run(rivals, topic)]
    return await asyncio.gather(*map(print, said))
    """
    assert {call.fanout for call in compiled(LISTED.replace("BODY", body.strip())).calls} == {None}


def test_an_event_of_a_page_is_no_pool() -> None:
    file = compiled(
        """
        import gradio as gr
        from openai import OpenAI

        def answer(question):
            return OpenAI().responses.create(model="m", input=f"Answer: {question}").output_text

        box = gr.Textbox()
        box.submit(answer, [box], box)
        """
    )
    assert [call.fanout for call in file.calls] == [None]


def test_tasks_that_a_lambda_sends_run_side_by_side() -> None:
    sent = 'lambda state: [Send("praise", {"plan": one}) for one in state["plans"]]'
    file = compiled(FORK + f'graph.add_conditional_edges("blame", {sent}, ["praise"])\n')
    assert [call.fanout for call in file.calls] == ["send", None]


def test_coroutines_of_a_dict_that_are_awaited_together_run_side_by_side() -> None:
    file = compiled(
        """
        import asyncio
        from openai import AsyncOpenAI

        client = AsyncOpenAI()

        async def answer(question):
            said = [{"role": "user", "content": f"Answer in a line: {question}"}]
            found = await client.chat.completions.create(model="m", messages=said)
            return found.choices[0].message.content

        async def work(question):
            jobs = {"one": answer(question), "other": answer(question)}
            return dict(zip(jobs, await asyncio.gather(*jobs.values())))
        """
    )
    assert [call.fanout for call in file.calls] == [None, "gather", "gather"]


TASKS = """
from langgraph.func import entrypoint, task
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")

@task
def write(heading):
    return llm.invoke(f"Write {heading}").content

@task
def polish(text):
    return llm.invoke(f"Polish {text}").content

@entrypoint()
def work(headings):
    started = [write(heading) for heading in headings]
    text = "".join(one.result() for one in started)
    return polish(text).result()
"""


def test_tasks_of_langgraph_run_side_by_side_unless_they_are_waited_for_at_once() -> None:
    written, polished = compiled(TASKS).calls
    assert (written.fanout, polished.fanout) == ("create_task", None)


def test_futures_that_are_the_keys_of_a_dict_hand_their_answers_on() -> None:
    assert flows("""
        from concurrent.futures import ThreadPoolExecutor, as_completed

        def work(part):
            return ask(f"Work on this part as well as you can, in three sentences: {part}")

        def main(question):
            parts = ask(f"Break this into parts: {question}").splitlines()
            told = []
            with ThreadPoolExecutor() as pool:
                futures = {pool.submit(work, part): part for part in parts}
                for done in as_completed(futures):
                    told.append(done.result())
            print(ask("Put these answers together: " + str(told)))
        """) == {"main > work", "work > main"}


ASKED_BETWEEN_TOOLS = """
import asyncio
from openai import AsyncOpenAI, OpenAI

class Adapter:
    async def stream(self, messages):
        client = AsyncOpenAI()
        async for part in await client.responses.create(input=messages, stream=True):
            yield part.delta

async def find(name):
    return name

async def work(question, client: OpenAI, adapter: Adapter):
    messages = [{"role": "user", "content": question}]
    for _ in range(5):
        answer = STATEMENT
        messages.append({"role": "assistant", "content": str(answer)})
        messages.append(await asyncio.gather(*[find(name) for name in NAMES]))
"""


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("[part async for part in adapter.stream(messages)]", "answer"),
        (
            "''\n        async for part in adapter.stream(messages):\n            answer += part",
            "answer",
        ),
        (
            "client.chat.completions.create(model='m', messages=messages)",
            "answer.choices[0].message.tool_calls",
        ),
        (
            "client.chat.completions.create(model='m', messages=messages).choices[0].message",
            "[answer.content]",
        ),
    ],
)
def test_a_call_whose_answer_is_used_at_once_runs_beside_nothing(
    statement: str, names: str
) -> None:
    source = ASKED_BETWEEN_TOOLS.replace("STATEMENT", statement).replace("NAMES", names)
    asked = [call.fanout for call in compiled(source).calls if call.function == "work"]
    assert asked == [None]


@pytest.mark.parametrize(
    "started",
    [
        "    for worker in workers:\n        worker.start()\n",
        "    for text in texts:\n        Worker(text, found).start()\n",
    ],
)
def test_an_object_of_a_threads_class_does_beside_others_what_its_class_says(started: str) -> None:
    source = f"""
import threading

class Worker(threading.Thread):
    def __init__(self, text, found):
        super().__init__(daemon=True)
        self.text = text
        self.found = found

    def run(self):
        self.found[self.text] = ask(f"Summarize this part: {{self.text}}")

def main(texts):
    found = {{}}
    workers = [Worker(text, found) for text in texts]
{started}
    print(ask(f"Join these parts: {{list(found.values())}}"))
"""
    assert flows(source) == {"run > main"}
    assert [call.fanout for call in compiled(ASK + source).calls][-2:] == ["thread", None]
