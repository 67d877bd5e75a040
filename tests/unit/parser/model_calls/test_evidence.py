"""Calls of models whose client is not in the sources: what names, arguments and use tell."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, only


def test_an_object_made_with_a_model_is_run() -> None:
    file = compiled(
        """
        from nodes import Planner

        class Work:
            def __init__(self, name):
                self.planner = Planner(model_name=name)

            def run(self, input):
                planner_response = self.planner.run(input, log=True)
                return planner_response["output"]
        """
    )
    assert lines(file) == [9]


def test_an_object_of_a_class_named_as_a_model_is_given_a_task() -> None:
    file = compiled(
        """
        from think.llm import ThinkGPT

        helper = ThinkGPT("small")
        notes = helper.summarize("Shorten these notes, keep every figure: " + open("notes").read())
        config = ThinkGPTConfig("small").summarize("Shorten these notes, keep every figure")
        """
    )
    assert lines(file) == [5]


@pytest.mark.parametrize(
    "call",
    [
        "self.backend.query(name=self.name, history_messages=seen, global_prompt=self.rules)",
        'self.agent.predict(prompt=f"Say what is wrong with this plan: {seen}")',
        "self.engine(prompt, system_prompt=self.rules)",
        "self.llm_service.send_request(request)",
        "summarize(model=self.model, text=seen)",
    ],
)
def test_prompts_and_models_among_names_make_a_call(call: str) -> None:
    source = (
        f"class Player:\n    def act(self, seen, prompt, request):\n        response = {call}\n"
    )
    assert lines(compiled(source)) == [3]


@pytest.mark.parametrize(
    "line",
    [
        'text = gpt_result.replace("The task is complete and all is well:", "")',
        "response = self.middleware.after_llm_response(request, response)",
        "engine = create_engine(prompt)",
        'response = get_completions_repo("gpt", prompt=prompt, model=self.model)',
        "text = self.prompter.generate_prompt(prompt)",
        'chat = self.provider.get_chat_model(model="m", temperature=0.3, prompt=prompt)',
    ],
)
def test_what_only_sounds_like_asking_is_no_call(line: str) -> None:
    assert (
        lines(
            compiled(
                "class Player:\n"
                "    def act(self, gpt_result, request, response, prompt):\n"
                f"        {line}\n"
            )
        )
        == []
    )


def test_an_agents_method_handed_to_an_executor_is_called() -> None:
    file = compiled(
        """
        class Search:
            def expand(self, executor, state):
                return list(executor.map(self.agent.run, [state] * 3))
        """
    )
    assert lines(file) == [4]
    assert file.calls[0].fanout == "map"


@pytest.mark.parametrize(
    "line",
    [
        "got = client.chat.create_stream(messages=messages, max_tokens=9, model='finch')",
        "got = client.turns.create(model='finch', input=f'Make a plan for the day: {goal}')",
        "return client.talk.submit(engine='finch', prompt='Say hello to our guest')",
    ],
)
def test_a_request_of_an_unlisted_vendor_is_told_by_its_shape(line: str) -> None:
    source = "from finch import Finch\ndef ask(goal, messages):\n    client = Finch()\n"
    assert lines(compiled(f"{source}    {line}\n")) == [4]


@pytest.mark.parametrize(
    "line",
    [
        "got = client.embeddings.create(model='m', input='A text of several words')",
        "got = client.images.generate(model='m', prompt='A ship on a calm sea')",
        "got = client.audio.speech.create(model='m', input='A text of several words')",
        "got = Run.objects.create(model='m', prompt='A text of several words')",
        "client.turns.create(model='m', input='A text of several words')",
        "agent = self.factory.create_agent(model='m', prompt='You are a good helper')",
    ],
)
def test_requests_for_something_else_are_no_calls(line: str) -> None:
    assert lines(compiled(f"def ask(self, client):\n    {line}\n")) == []


def test_an_injected_api_is_a_model_by_its_class_and_module() -> None:
    file = compiled(
        """
        from shop.llm_api import ModelAPI

        def late(api: ModelAPI, order):
            who = api.decide(instruction="Who is to blame for the delay?", text=order)
            api.register(order)
            return who
        """
    )
    assert lines(file) == [5]


def test_a_helper_named_after_a_model_is_given_the_conversation_beside_its_options() -> None:
    file = compiled(
        """
        from parlour import ask_claude_politely, new_talk

        def interview(topics, name):
            talk = new_talk()
            for topic in topics:
                answer = ask_claude_politely(name, talk, 0.7, 500)
                talk.say("guest", answer)
        """
    )
    assert only(file).segments[0].expression == "talk"
    assert edges(file) == {(7, 7, "loop")}


CONVERSATION = """
from agents_of_ours import Agent, call_llm_safe, rules

def run(task, steps):
    agent = Agent(engine={}, system_prompt=rules.CODING)
    agent.add_message(f"Task: {task}", role="user")
    for _ in range(steps):
        response = call_llm_safe(agent)
        agent.add_message(response, role="assistant")
"""


def test_an_object_of_an_unknown_class_keeps_the_messages_it_is_given() -> None:
    call = only(compiled(CONVERSATION))
    assert [(part.role, part.kind, part.each_turn) for part in call.segments] == [
        ("system", "variable", False),
        ("user", "static", False),
        ("user", "variable", False),
        ("assistant", "upstream", True),
    ]


@pytest.mark.parametrize(
    ("made", "call"),
    [
        ("summary_chain('s.prompt', engine='m') | tidy", "asked.ainvoke({'text': text})"),
        ("llm_generation_chain('s.prompt')", "run_in_parallel(asked.ainvoke, [text])"),
        ("summary_chain.Writer.from_llm(model)", "asked({'text': text})"),
        ("tg.BlackboxLLM('m')", "asked(tg.Variable(prompt))"),
        ("outlines.generate.json(model, Summary)", "asked(prompt)"),
    ],
)
def test_what_an_imported_function_makes_is_asked(made: str, call: str) -> None:
    file = compiled(
        f"""
        import outlines
        import textgrad as tg
        from chains import llm_generation_chain, run_in_parallel, summary_chain, tidy

        asked = {made}

        def run(text, prompt):
            answer = {call}
            return answer
        """
    )
    assert 9 in lines(file)
    assert 6 not in lines(file)


def test_a_function_given_what_a_request_holds_asks_whatever_else_its_name_says() -> None:
    file = compiled(
        """
        from ours import generate_with_references

        def run(model, history, references):
            output = generate_with_references(
                model=model, messages=history, references=references, temperature=0.5
            )
            return output
        """
    )
    assert lines(file) == [5]


def test_words_that_only_tell_how_a_client_is_asked_do_not_speak_against_it() -> None:
    file = compiled(
        """
        from shop.prompts import RULES

        def summarize(meta_llm_client, programs):
            told = [f"Summarize this program: {program}" for program in programs]
            return meta_llm_client.batch_kwargs_query(num_samples=3, msg=told, system_msg=RULES)
        """
    )
    assert lines(file) == [6]


def test_a_constant_that_names_a_model_is_evidence_for_a_function_that_is_given_it() -> None:
    file = compiled(
        """
        CRITIC_MODEL = "openai/gpt-5"

        async def criticize(synthesis, query_fn):
            prompt = f"Attack this answer, do not rewrite it: {synthesis}"
            text, cost = await query_fn(CRITIC_MODEL, prompt)
            return text
        """
    )
    assert lines(file) == [6]


def test_what_a_decorator_calls_is_what_it_decorates() -> None:
    file = compiled(
        """
        def watched(llm_call):
            def inner(*args, **kwargs):
                response = llm_call(*args, **kwargs)
                return response
            return inner
        """
    )
    assert lines(file) == []


def test_a_function_that_hands_on_all_it_is_given_asks_a_model_by_its_name() -> None:
    file = compiled(
        """
        from shop import llm_call

        def ask(*args, **kwargs):
            response = llm_call(*args, **kwargs)
            return response
        """
    )
    assert lines(file) == [5]


def test_a_client_is_no_models_by_a_name_that_others_have_too() -> None:
    file = compiled(
        """
        from typing import Optional
        from shop.tables import Client

        class Store:
            def __init__(self, client: Optional["Client"] = None):
                self.client = client

            def size(self, table):
                job = self.client.query(f"SELECT the number of rows FROM {table} of this shop")
                return job.rows
        """
    )
    assert lines(file) == []


@pytest.mark.parametrize("name", ["o3mini_high", "o3minihigh", "o1", "sonnet_4", "gpt4", "claude"])
def test_a_function_that_is_named_as_a_model_is_asks_it(name: str) -> None:
    source = f"from shop import {name}\n\ndef ask(prompt):\n    return {name}(prompt)\n"
    assert lines(compiled(source)) == [4]


@pytest.mark.parametrize("name", ["o5mini", "o3d", "haiku", "opus", "mini_high"])
def test_a_function_whose_name_is_like_a_models_asks_none(name: str) -> None:
    source = f"from shop import {name}\n\ndef ask(prompt):\n    return {name}(prompt)\n"
    assert lines(compiled(source)) == []


def test_a_function_that_is_named_as_a_model_is_given_a_prompt() -> None:
    source = "from shop import o3\n\ndef layer(atoms):\n    return o3(atoms)\n"
    assert lines(compiled(source)) == []


@pytest.mark.parametrize(
    ("module", "call", "found"),
    [
        ("llm_utils", "text = invoke(system, human)", [7]),
        ("shop.llm", "return invoke('You guide people through towns.', human).strip()", [7]),
        ("shop.llm", "invoke(town)", []),
        ("llm_shop.queues", "text = invoke(human)", []),
        ("llm_utils", "text = invoke_hook(system, human)", []),
    ],
)
def test_a_function_that_asks_by_its_module_is_given_rules_and_a_text(
    module: str, call: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from {module} import invoke, invoke_hook

        def guide(town):
            system = "You guide people through towns. Answer in three lines."
            human = f"Name the sights of {{town}}, the oldest first."
            {call}
        """
    )
    assert lines(file) == found


def test_rules_and_text_that_it_is_given_by_place_are_the_prompt() -> None:
    file = compiled(
        """
        from llm_utils import invoke

        def guide(town):
            system, human = "You guide people through towns.", f"Name the sights of {town}."
            return invoke(system, human)
        """
    )
    assert [(part.role, part.text or part.name) for part in only(file).segments] == [
        ("system", "You guide people through towns."),
        (None, "Name the sights of "),
        (None, "town"),
        (None, "."),
    ]


def test_what_is_run_afterwards_is_made_and_not_asked() -> None:
    file = compiled(
        """
        from llm import ollama_agent

        agent = ollama_agent(system_prompt="Be kind.", temperature=0)
        result = agent.run_sync("Tell me a joke.")
        """
    )
    assert [call.line for call in file.calls] == [5]


ASKED_BY_NAME = """
from app.{module} import {name}

async def write(topic):
    prompt = f"Write a poem of four lines on {{topic}}"
    answer = await {name}(prompt)
    return answer
"""


@pytest.mark.parametrize(
    "name",
    [
        "call_llm_with_retry",
        "retry_llm_call",
        "cached_llm_call",
        "call_llm_and_parse",
        "ask_gpt_and_log",
        "call_ai",
        "get_ai_response",
    ],
)
def test_a_function_asks_however_its_name_says_it_does(name: str) -> None:
    assert lines(compiled(ASKED_BY_NAME.format(module="services", name=name))) == [6]


@pytest.mark.parametrize(
    "name",
    [
        "retry_task",
        "log_llm_call",
        "parse_and_log_llm",
        "build_prompt_and_log",
        "track_llm_call",
        "call_with_retry",
    ],
)
def test_a_function_that_does_something_else_with_care_asks_none(name: str) -> None:
    assert not lines(compiled(ASKED_BY_NAME.format(module="services", name=name)))


@pytest.mark.parametrize(
    ("module", "found"), [("llm", [6]), ("openai_service", [6]), ("services", []), ("models", [])]
)
def test_a_function_that_asks_for_a_form_is_told_by_its_module(
    module: str, found: list[int]
) -> None:
    assert lines(compiled(ASKED_BY_NAME.format(module=module, name="generate_json"))) == found


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("PLAN_PROMPT.format(goal=goal)", [5]),
        ("PLAN_PROMPT.strip()", [5]),
        ('PLAN_PROMPT.replace("GOAL", goal)', [5]),
        ("goals.find(goal)", []),
    ],
)
def test_a_named_template_that_is_filled_is_a_prompt(prompt: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from texts import PLAN_PROMPT, goals

        def plan(self, goal):
            return self.llm.invoke({prompt})
        """
    )
    assert lines(file) == found


RUNNER = """
from helpers import make_runner, {name}
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

model = ChatOpenAI()
chain = ChatPromptTemplate.from_template("Write a story on {{topic}}") | model

def work(text):
    agent = create_react_agent(model, [], prompt="You plan trips.")
    result = {call}
    return result
"""


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ('run_with_retry(agent, {"messages": [("user", text)]}, "plan")', "You plan trips."),
        ('safe_invoke({"messages": [("user", text)]}, agent=agent)', "You plan trips."),
        ('safe_invoke(chain, {"topic": text})', "Write a story on "),
        ('call_with_backoff(model, [("system", "Be brief."), ("user", text)])', "Be brief."),
        ('execute(model, f"Be brief: {text}")', "Be brief: "),
    ],
)
def test_a_function_runs_the_agent_that_it_is_given(call: str, said: str) -> None:
    file = compiled(RUNNER.format(name=call.partition("(")[0], call=call))
    call_found = only(file)
    assert (call_found.line, call_found.kind) == (12, "wrapper")
    assert said in [segment.text for segment in call_found.segments]


def test_one_that_a_factory_made_runs_it_as_well() -> None:
    source = RUNNER.format(name="x", call='run(agent, {"messages": [("user", text)]})')
    assert lines(compiled(source.replace("model = ", 'run = make_runner("plan")\nmodel = '))) == [
        13
    ]


@pytest.mark.parametrize(
    "call",
    [
        'log_call(model, f"Be brief: {text}")',
        "make_runner(agent, text)",
        "run_server(agent, 8000)",
        'run_eval(agent, ["one", "two"])',
        "run_with_retry(agent)",
    ],
)
def test_a_function_that_does_not_run_what_it_is_given_asks_none(call: str) -> None:
    assert not lines(compiled(RUNNER.format(name=call.partition("(")[0], call=call)))


@pytest.mark.parametrize(("name", "found"), [("llm", [4]), ("model", []), ("lines", [])])
def test_what_is_called_a_language_model_is_asked_with_few_words(
    name: str, found: list[int]
) -> None:
    source = f"""
        async def sum_up(self, parts):
            for part in parts:
                self.notes.append(await self.{name}.acomplete(f"Shorten {{part}}"))
        """
    assert lines(compiled(source)) == found


@pytest.mark.parametrize(
    ("maker", "found"), [("llm_factory", [5]), ("LLMFactory", [5]), ("tool_factory", [])]
)
def test_what_a_factory_of_models_makes_is_asked(maker: str, found: list[int]) -> None:
    file = compiled(
        f"""
        async def judge(state, {maker}):
            prompt = f"Say what is good and what is bad about this: {{state['draft']}}"
            # what it makes is one for critics
            response = await {maker}.create("critic").ainvoke(prompt)
            return {{"critique": response.content}}
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ('state["answer"] = call_llm(f"Answer {question}")', [5]),
        ('return sorted(call_llm(f"Answer {question}"))', [5]),
        ('call_llm(f"Answer {question}")', []),
        ('state["answer"] = call_llm_router(f"Answer {question}")', []),
        ('state["answer"] = call_tool(f"Answer {question}")', []),
    ],
)
def test_a_text_put_together_for_a_function_named_as_a_model_is_a_prompt(
    statement: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from utils import call_llm, call_llm_router, call_tool

        def answer(state, question):
            {statement}
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ('query_model("gpt-4o", text)', [7]),
        ('query_model("claude-sonnet-4-5", text)', [7]),
        ('query_model("notes-2024", text)', []),
        ('count_tokens("gpt-4o", text)', []),
        ("helper.run(text)", [7]),
        ("tidier.run(text)", []),
    ],
)
def test_the_name_of_a_model_and_rules_that_an_object_is_made_with_are_evidence(
    call: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from core import Agent, Tidier, count_tokens, query_model

        def work(text):
            helper = Agent(role="helper", instructions="You help people with their letters.")
            tidier = Tidier(role="tidier", width=80)
            result = {call}
            return result
        """
    )
    assert lines(file) == found


GIVEN_STATE = """
from langchain_core.messages import HumanMessage
from shop.agents import Runnable, Spec

class Agents:
    search_planner: Runnable | None = None

    async def plan(self, text):
        return await self.search_planner.{call}
"""


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ('ainvoke({"messages": [HumanMessage(content=f"Plan {text}")]}, context=1)', [9]),
        ('ainvoke({"messages": [("user", text)]})', [9]),
        ('ainvoke({"rows": [text]})', []),
        ('ainvoke({"messages": [("user", text)], "rounds": 2})', []),
        ('store({"messages": [("user", text)]})', []),
    ],
)
def test_what_is_given_a_conversation_in_a_state_is_an_agent(call: str, found: list[int]) -> None:
    assert lines(compiled(GIVEN_STATE.replace("{call}", call))) == found


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("agent.invoke(state)", True),
        ('agent.astream_events(state, version="v2")', True),
        ('agent.run(f"Write a poem about {topic}")', True),
        ("agent.save(topic)", False),
        ("agent.update(name=topic)", False),
    ],
)
def test_what_a_function_elsewhere_makes_as_an_agent_is_run(call: str, found: bool) -> None:
    source = f"""
from agents import create_writer_agent, first_state

def work(topic):
    agent, state = create_writer_agent("small"), first_state(topic)
    return {call}
"""
    assert lines(compiled(source)) == [6] * found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("return generator(prompt=prompt), name", True),
        ("reply = self.generator(prompt)", True),
        ('return writer_agent(f"Write a poem about {name}")', True),
        ("return generator(prompt, max_new_tokens=200)", True),
        ("picture = generator(prompt=prompt)", False),
        ("return generator(prompt=prompt, width=512)", False),
        ("return image_generator(prompt=prompt)", False),
        ("return create_agent(prompt=prompt)", False),
        ("return generator(name)", False),
        ("action = agent(observation)", False),
    ],
)
def test_an_object_that_writes_by_its_name_is_asked_by_calling_it(line: str, found: bool) -> None:
    given = "self, generator, image_generator, writer_agent, agent, prompt, name, observation"
    source = f"class Work:\n    def act({given}):\n        {line}\n"
    assert lines(compiled(source)) == [3] * found


ROUTED = """
class Near:
    def complete(self, prompt):
        return f"near {prompt}"
    REST

class Far(BASE):
    def complete(self, prompt):
        return f"far {prompt}"

def work(prompt, is_near):
    client = Near() if is_near else Far()
    reply = client.complete_async(prompt=prompt, temperature=0.2)
    return reply
"""


@pytest.mark.parametrize(
    ("base", "rest", "found"),
    [
        ("object", "", False),
        ("Client", "", True),
        ("object", "complete_async = wrapped(complete)", True),
    ],
)
def test_a_method_that_no_object_at_hand_has_is_no_call(base: str, rest: str, found: bool) -> None:
    file = compiled(ROUTED.replace("BASE", base).replace("REST", rest))
    assert lines(file) == [13] * found


BEFORE = """
from openai import OpenAI

class PlainClient:
    def complete(self, prompt):
        return OpenAI().responses.create(model="m", input=prompt).output_text

class CLASS:
    def __init__(self, inner):
        self.inner = inner

    def complete(self, GIVEN):
        return self.inner.complete(GIVEN)
"""


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("CachedClient", "prompt", True),
        ("PlainFallbackClient", "*args, **kwargs", True),
        ("EmailClient", "*args", False),
        ("JobQueue", "prompt", False),
        ("SafeLLMClient", "*args", True),
    ],
)
def test_a_client_that_stands_before_another_hands_on_to_it(
    name: str, given: str, found: bool
) -> None:
    file = compiled(BEFORE.replace("CLASS", name).replace("GIVEN", given))
    assert lines(file) == [6] + [13] * found


@pytest.mark.parametrize(
    ("name", "verb", "found"),
    [
        ("CachedLLM", "complete", True),
        ("CachedLLM", "close", False),
        ("LLMQueue", "send", False),
        ("ModelRegistry", "query", False),
        ("AutoCompleter", "complete", False),
    ],
)
def test_a_models_client_hands_on_what_it_is_asked(name: str, verb: str, found: bool) -> None:
    source = f"""
class {name}:
    def __init__(self, inner):
        self.inner = inner

    def {verb}(self, text):
        return self.inner.{verb}(text)
"""
    assert lines(compiled(source)) == [7] * found


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ('call_model(f"Say in one word what {text} is.")', [5]),
        ('ask_the_model("small", f"Say in one word what {text} is.")', [5]),
        ('run_model(f"Say in one word what {text} is.")', []),
        ("invoke_writing_agent(agent_name, text)", [5]),
        ("invoke_writing_agent(place, text)", []),
        ("run_writing_agent(agent_name, text)", []),
    ],
)
def test_an_imported_function_is_named_after_asking_a_model_or_an_agent(
    call: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from helpers import *

        def tell(text, agent_name, place):
            return {call}
        """
    )
    assert lines(file) == found


FURTHER = """
class Shortener:
    def __init__(self, provider):
        self.provider = provider

    def short(self, text):
        return self.provider.complete(f"Shorten this text to one line: {text}")

    def joined(self, texts):
        parts = [self.provider.complete(f"Shorten this text to one line: {text}") for text in texts]
        return self.OTHER.complete("All of it: " + str(parts))
"""


def test_another_call_of_a_method_that_asks_asks_as_well() -> None:
    assert lines(compiled(FURTHER.replace("OTHER", "provider"))) == [7, 10, 11]
    assert lines(compiled(FURTHER.replace("OTHER", "other"))) == [7, 10]


@pytest.mark.parametrize(
    ("given", "read", "found"),
    [
        ('{"input": text}', 'response["answer"]', [5]),
        ('{"input": text}', 'response["score"]', []),
        ('{"amount": text}', 'response["answer"]', []),
    ],
)
def test_an_engine_that_is_asked_and_answers_as_chains_do_is_one(
    given: str, read: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from engines import engine

        def tell(query_engine, text):
            response = query_engine.invoke({given})
            return {read}
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    "bound", ["self.chat.bind_tools", 'getattr(self.chat, "bind_tools", None)']
)
@pytest.mark.parametrize("chat", ["chat", "ChatOpenAI(model='m')"])
def test_what_binds_tools_under_another_name_gives_the_model(bound: str, chat: str) -> None:
    file = compiled(
        f"""
        from langchain_openai import ChatOpenAI

        class Asker:
            def __init__(self, chat):
                self.chat = {chat}

            def ask(self, messages, tool):
                bind = {bound}
                return bind([tool]).invoke(messages)
        """
    )
    assert lines(file) == [10]


@pytest.mark.parametrize(
    ("kind", "found"), [("LLMGateway", [6]), ("GPTService", [6]), ("LLMConfig", []), ("Gate", [])]
)
def test_an_object_of_a_class_that_stands_before_a_model_is_asked(
    kind: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from infra import {kind}

        def plan(gate: {kind}, goal):
            request = Request(messages=[Message(role="user", content=goal)])
            response = gate.chat(request)
            return response.content
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("system=RULES, user=asked", {"system", "user"}),
        ("system_prompt=RULES, user=asked, model='m'", {"system", "user"}),
        ("system_prompt=RULES, user_prompt=asked", {"system", "user"}),
        ("user_message=asked", {"user"}),
        ("prompt=asked, user=person", {None}),
        ("system=RULES, messages=asked, user=person", {"system", None}),
    ],
)
def test_what_a_user_says_is_part_of_a_prompt(given: str, roles: set[str | None]) -> None:
    call = only(
        compiled(
            f"""
            from shop.llm import call_llm

            RULES = "You are a careful planner of long journeys."

            def plan(place, person):
                asked = f"Plan a journey to {{place}} with all its changes of trains."
                return call_llm({given})
            """
        )
    )
    assert {segment.role for segment in call.segments} == roles
    names = [segment.name for segment in call.segments if segment.kind == "variable"]
    assert names == ["place"]


def test_setting_a_model_asks_none() -> None:
    file = compiled(
        """
        from house.chat import HouseLLM

        def plan(place):
            llm = HouseLLM(system_message="You plan long journeys.").with_model("openai", "gpt-4o")
            return llm.generate(f"Plan a journey to {place} and back.")
        """
    )
    assert lines(file) == [6]


@pytest.mark.parametrize(
    ("names", "asks"),
    [
        ('for name in ("chat", "complete"):', True),
        ('for name in ["generate"]:', True),
        ('for name in ("close", "reset"):', False),
    ],
)
def test_a_method_is_looked_up_by_its_name(names: str, asks: bool) -> None:
    file = compiled(
        f"""
        async def tidy(llm, text):
            {names}
                if hasattr(llm, name):
                    answer = await getattr(llm, name)(f"Tidy this text, please: {{text}}")
                    return answer
        """
    )
    assert lines(file) == ([5] if asks else [])
