"""What is a call and what only looks like one."""

from textwrap import indent

import pytest

from tests.unit.parser.compiled import compiled, lines, only, package

MODEL_CALLS = {
    "openai.chat": (
        "from openai import OpenAI\nr = OpenAI().chat.completions.create(model='m', messages=[])"
    ),
    "openai.responses": "client.responses.create(model='m', input='Say something short')",
    "anthropic.messages": (
        "import anthropic\nc = anthropic.Anthropic()\nc.messages.create(model='m', messages=[])"
    ),
    "litellm": "from litellm import completion\ncompletion(model='m', messages=[])",
    "langchain.invoke": (
        "from langchain_openai import ChatOpenAI\nllm = ChatOpenAI()\nllm.invoke('hello')"
    ),
    "openai_agents.runner": (
        "from agents import Agent, Runner\nRunner.run_sync(Agent(name='a'), 'hello')"
    ),
    "dspy": "import dspy\nanswer = dspy.Predict('question -> answer')\nanswer(question='why')",
    "pydantic_ai": "from pydantic_ai import Agent\nagent = Agent('m')\nagent.run_sync('hello')",
    "google.genai": (
        "import google.generativeai as genai\ngenai.GenerativeModel('m').generate_content('hello')"
    ),
    "ollama": "import ollama\nollama.chat(model='m', messages=[])",
    "vllm": "from vllm import LLM\nLLM('m').generate(['hello'])",
    "transformers.pipeline": (
        "from transformers import pipeline\npipe = pipeline('text-generation')\npipe('hello')"
    ),
    "claude_agent": "from claude_agent_sdk import query\nquery(prompt='Say hello to our guest')",
    "mcp_agent": (
        "from mcp_agent.agents.agent import Agent\n"
        "llm = Agent(name='a').attach_llm(Model)\nllm.generate_str('Say hello')"
    ),
    "http.completion": (
        "import requests\nrequests.post('http://h:8000/v1/chat/completions', json={'messages': []})"
    ),
    "bedrock": "runtime.converse(modelId='m', messages=[])",
    "crewai": "from crewai import Crew\nCrew(agents=[], tasks=[]).kickoff()",
}


@pytest.mark.parametrize("family", MODEL_CALLS)
def test_a_family_is_recognised(family: str) -> None:
    assert only(compiled(MODEL_CALLS[family])).family == family


LOOK_ALIKES = [
    "from langchain_community.retrievers import BM25Retriever\nr = BM25Retriever()\n"
    "r.invoke('query text here')",
    "from langgraph.graph import StateGraph\ngraph = StateGraph(dict).compile()\n"
    "graph.invoke({'question': 'why'})",
    "client.images.generate(prompt='a cat on a mat, oil on canvas', size='big')",
    "client.embeddings.create(model='m', input='some text to embed')",
    "import tensorflow as tf\nsession.run(train, feed_dict={})",
    "cursor.execute('select a from b where c')",
    "client.beta.threads.create(messages=[])",
    "client.beta.threads.messages.create(thread_id='t', role='user', content='hello there')",
    "from openai import OpenAI\nclient = OpenAI(api_key='k')",
    "'''client.chat.completions.create(messages=[])'''",
    "subprocess.run('ls -l some directory', shell=True)",
    "prompt = build_prompt('a question with several words')",
    "n = count_tokens('a question with several words', model='gpt-4')",
]


@pytest.mark.parametrize("source", LOOK_ALIKES)
def test_a_look_alike_is_no_call(source: str) -> None:
    assert compiled(source).calls == ()


def test_an_injected_client_is_judged_by_the_evidence_of_names_and_arguments() -> None:
    call = only(
        compiled(
            """
            class Agent:
                def __init__(self, client):
                    self.client = client

                def ask(self, document):
                    return self.client.generate(f"Be brief. {document}", max_tokens=100)
            """
        )
    )
    assert (call.kind, call.parameters) == ("sdk", {"max_tokens": 100})


def test_an_imported_wrapper_is_a_call() -> None:
    call = only(
        compiled(
            "from helpers import get_response_from_llm\n"
            "text, history = get_response_from_llm(prompt, client, model)"
        )
    )
    assert call.kind == "wrapper"


def test_an_object_kept_in_an_attribute_is_called() -> None:
    file = compiled(
        """
        import dspy

        class Step(dspy.Module):
            def __init__(self):
                self.answer = dspy.ChainOfThought("question -> answer")

            def forward(self, question):
                return self.answer(question=question)
        """
    )
    assert lines(file) == [9]


def test_a_wrapper_in_the_same_file_makes_its_calls_nodes() -> None:
    file = compiled(
        """
        import openai

        def chat(messages):
            return openai.ChatCompletion.create(messages=messages)["choices"][0]["message"]

        def gpt(prompt):
            return chat([{"role": "user", "content": prompt}])

        print(gpt("How are you?"))
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [
        (5, "sdk"),
        (8, "wrapper"),
        (10, "wrapper"),
    ]
    assert file.calls[2].via == (file.calls[1].id, file.calls[0].id)


def test_a_function_with_a_prompt_of_its_own_is_a_step_and_no_wrapper() -> None:
    file = compiled(
        """
        import openai

        def extract_names(document):
            prompt = f"List each person that the document names, one a line, no more: {document}"
            return openai.Completion.create(model="m", prompt=prompt)

        extract_names("…")
        """
    )
    assert lines(file) == [6]


def test_a_recursive_wrapper_is_a_node_where_it_calls_itself() -> None:
    file = compiled(
        """
        import openai

        def ask(messages):
            try:
                return openai.ChatCompletion.create(model="m", messages=messages)
            except Exception:
                return ask(messages)
        """
    )
    assert lines(file) == [6, 8]


def test_a_method_of_a_base_class_is_followed_through_super() -> None:
    file = compiled(
        """
        class Base:
            def ask(self, prompt):
                return self.client.completions.create(model="m", prompt=prompt)

        class Agent(Base):
            def ask(self, prompt):
                return super().ask(prompt)
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(4, "sdk"), (8, "wrapper")]


def test_a_function_handed_to_an_executor_is_called() -> None:
    file = compiled(
        """
        import openai

        def ask(prompt):
            return openai.Completion.create(model="m", prompt=prompt)

        def everyone(executor, questions):
            return [executor.submit(ask, question) for question in questions]
        """
    )
    assert [(call.line, call.fanout) for call in file.calls] == [(5, None), (8, "submit")]


def test_ids_stay_when_lines_above_change() -> None:
    source = (
        "def run(client, x):\n    answer = client.chat.completions.create(model='m', messages=[])\n"
    )
    assert only(compiled(source)).id == only(compiled("# one\n# two\n" + source)).id == "run:answer"


def test_a_partial_is_no_call_but_calling_it_is() -> None:
    file = compiled(
        """
        import functools
        import openai

        def ask(prompt, model):
            return openai.Completion.create(model=model, prompt=prompt)

        quick = functools.partial(ask, model="small")
        quick("How are you?")
        """
    )
    assert lines(file) == [6, 9]


INJECTED_CALLS = [
    "def step(ai, messages):\n    messages = ai.next(messages)\n    return messages",
    "def step(ai):\n    messages = ai.start(system='Be brief.', user='Say why.')\n"
    "    return messages",
    "def send(llm, params):\n    for chunk in llm.completions(**params):\n        print(chunk)",
    "def ask(llm, user_message):\n    response = llm.interpreter.chat(user_message)\n"
    "    return response",
    "async def ask(self, prompt):\n"
    "    result = await execute(self.llm, messages=prompt)\n    return result",
    "def ask(self, prompt):\n"
    "    reply = guarded(func=self.model.apredict_messages, messages=prompt)\n    return reply",
    "def ask(store: VectorStoreRetriever, prompt):\n"
    "    text = store.llm.generate_response(prompt)\n    return text",
]


@pytest.mark.parametrize("source", INJECTED_CALLS)
def test_a_model_that_is_given_to_a_function_is_asked(source: str) -> None:
    assert only(compiled(source)).line == 2


INJECTED_LOOK_ALIKES = [
    "def setup(registry, settings):\n"
    "    llm = registry.get_llm('to sum up what was said', settings)\n    return llm",
    "def setup(context):\n"
    "    llm = create_llm(instruction='You are a poet.', context=context)\n    return llm",
    "def setup(llm, prompt):\n    result = create_chain(llm, prompt)\n    return result",
    "def shrink(llm, messages):\n    messages = llm.trim(messages)\n    return messages",
    "def shrink(llm, messages):\n    total = llm.measure(messages)\n    return total",
    "def walk(rows, prompt):\n    prompt = rows.next(prompt)\n    return prompt",
]


@pytest.mark.parametrize("source", INJECTED_LOOK_ALIKES)
def test_a_function_that_has_a_model_need_not_ask_it(source: str) -> None:
    assert compiled(source).calls == ()


def test_a_decorated_function_is_called_through_what_its_decorator_adds() -> None:
    file = compiled(
        """
        import openai, ray

        @ray.remote
        def judge(content):
            return openai.completions.create(model="m", prompt=content)

        handles = [judge.remote(text) for text in texts]
        """
    )
    assert [call.kind for call in file.calls] == ["sdk", "wrapper"]


def test_a_function_that_writes_the_answer_to_a_prompt_it_is_given_is_a_wrapper() -> None:
    file = compiled(
        """
        def generate_page(runtime, prompt, path):
            answer = runtime.converse(system=[{"text": "Be brief"}], messages=[{"content": prompt}])
            path.write_text(answer["output"])

        def main(runtime, path):
            generate_page(runtime, "Write the page on leave.", path)
        """
    )
    assert [call.kind for call in file.calls] == ["sdk", "wrapper"]


def test_a_clients_method_under_another_name_is_a_call() -> None:
    file = compiled(
        """
        client = build()
        complete = client.chat.completions.create if chat else client.completions.create

        def again(**options):
            return complete(**options)
        """
    )
    assert lines(file) == [6]


def test_a_method_that_only_models_have_proves_one() -> None:
    file = compiled(
        """
        async def run(loaded, messages):
            return await loaded.bind_tools([]).ainvoke(messages)
        """
    )
    assert lines(file) == [3]


@pytest.mark.parametrize("accessor", ["with_raw_response", "with_streaming_response"])
@pytest.mark.parametrize("resource", ["messages", "chat.completions", "responses"])
def test_an_accessor_before_the_verb_changes_nothing(resource: str, accessor: str) -> None:
    assert lines(compiled(f"client.{resource}.{accessor}.create(model='m', messages=said)")) == [1]


def test_a_class_is_known_by_the_module_that_defines_it() -> None:
    file = compiled(
        """
        from litellm.proxy.router_parts import Router
        from crewai.agents.crew_agent import Crew

        def ask(text):
            Crew().kickoff(inputs={"text": text})
            return Router().completion(model="m", messages=text)
        """
    )
    assert lines(file) == [6, 7]


def test_a_package_that_shares_only_its_first_name_makes_no_model() -> None:
    source = "from google.cloud.storage import Client\nc = Client()\nc.chats.create(name='x')\n"
    assert lines(compiled(source)) == []


def test_a_predictor_is_called_under_whatever_name_it_is_kept() -> None:
    file = compiled(
        """
        import dspy

        class Checker(dspy.Module):
            def __init__(self):
                self.extract = dspy.ChainOfThought("text -> claims")

            def forward(self, text):
                return self.extract(text=text)
        """
    )
    assert lines(file) == [9]


def test_calls_that_are_gathered_are_named_by_what_their_results_are_assigned_to() -> None:
    file = compiled(
        """
        import asyncio
        import openai

        client = openai.AsyncOpenAI()

        async def run(brief, sources):
            pro, con = await asyncio.gather(
                client.chat.completions.create(model="m", messages=[{"content": f"For {brief}"}]),
                client.chat.completions.create(model="m", messages=[{"content": f"No {brief}"}]),
            )
            facts = await asyncio.gather(
                *[client.chat.completions.create(model="m", messages=[{"content": source}])
                  for source in sources]
            )
            return pro, con, facts
        """
    )
    assert [call.output for call in file.calls] == ["pro", "con", "facts"]
    assert file.calls[0].id == "run:pro"


def test_a_script_imports_the_modules_beside_it_and_above_it_by_their_own_names() -> None:
    files = package(
        runs__agent="""
        from asking import ask

        def answer(question):
            return ask(f"Answer this for the school paper: {question}")
        """,
        runs__asking="""
        from clients.main import client

        def ask(prompt):
            return client.responses.create(model="m", input=prompt).output_text
        """,
        runs__clients__main="""
        from keys import client
        """,
        runs__keys="""
        from openai import OpenAI

        client = OpenAI()
        """,
        other__asking="""
        def ask(prompt):
            return prompt.upper()
        """,
    )
    assert [call.kind for call in files["runs/agent.py"].calls] == ["wrapper"]


def test_a_module_does_not_stand_for_the_library_of_its_name() -> None:
    files = package(
        shop__openai="""
        def OpenAI():
            return None
        """,
        shop__asking="""
        from openai import OpenAI

        def ask(prompt):
            return OpenAI().responses.create(model="m", input=prompt)
        """,
        other__main="",
    )
    assert [call.family for call in files["shop/asking.py"].calls] == ["openai.responses"]


def test_what_may_be_a_model_or_a_store_is_asked_as_a_model() -> None:
    assert lines(
        compiled(
            """
            import boto3
            from openai import OpenAI

            class Bot:
                def __init__(self, cloud):
                    self.client = boto3.client("bedrock-runtime") if cloud else OpenAI()

                def ask(self, question):
                    messages = [{"role": "user", "content": f"Answer this: {question}"}]
                    return self.client.chat.completions.create(model="m", messages=messages)
            """
        )
    ) == [11]


def test_a_line_of_an_open_file_is_not_the_files_name() -> None:
    call = only(
        compiled(
            """
            from openai import OpenAI

            for line in open("questions.txt"):
                OpenAI().responses.create(model="m", input=line)
            """
        )
    )
    assert [segment.kind for segment in call.segments] == ["variable"]


@pytest.mark.parametrize(
    ("imports", "declared", "asked"),
    [
        ("from crewai import Crew", "Crew", "kickoff()"),
        ("from langchain_core.language_models import BaseChatModel", "BaseChatModel", "invoke(x)"),
    ],
)
def test_a_function_returns_what_it_says_where_nothing_else_tells(
    imports: str, declared: str, asked: str
) -> None:
    file = compiled(
        f"{imports}\n\ndef made(name) -> {declared}:\n    return registry[name]\n\n"
        f"def work(x):\n    return made(x).{asked}\n"
    )
    assert lines(file) == [7]


def test_an_object_of_a_class_out_of_sight_is_what_its_maker_declares() -> None:
    file = compiled(
        """
from oci.generative_ai_inference import GenerativeAiInferenceClient
from oci.generative_ai_inference.models import ChatDetails

class Chat:
    def connected(self) -> GenerativeAiInferenceClient:
        if not hasattr(self, "inference"):
            self.inference = GenerativeAiInferenceClient(config={}, timeout=10)
        return self.inference

    def ask(self, text):
        chat_details = ChatDetails()
        chat_details.chat_request = text
        client = self.connected()
        response = client.chat(chat_details)
        return response
"""
    )
    assert lines(file) == [15]


@pytest.mark.parametrize(
    "read",
    [
        "if bot.answer:\n    print()",
        "if not bot.answer:\n    print()",
        "found = 'yes' == bot.answer",
        "assert bot.answer",
        "bot.answer",
        "while bot.answer:\n    print()",
        "named = 1 if bot.answer else 2",
        "kept = [x for x in y if bot.answer]",
    ],
)
def test_a_property_that_asks_is_followed_where_nobody_takes_its_value(read: str) -> None:
    asking = only(
        compiled(
            "import openai\n\n\nclass Bot:\n"
            "    def __init__(self):\n        self.client = openai.OpenAI()\n\n"
            "    @property\n    def answer(self):\n"
            "        return self.client.responses.create(model='m', input='Say hello')\n\n\n"
            "bot = Bot()\nfor turn in range(30):\n" + indent(read, "    ")
        )
    )
    assert asking.repeated_by


@pytest.mark.parametrize(
    "given",
    [
        '"meta/meta-llama-3-70b-instruct", input={"prompt": text}',
        '"meta/meta-llama-3-70b-instruct", input=text',
        '"yorickvp/llava-13b", input={"image": text, "prompt": text}',
        'model, input={"prompt": text, "max_tokens": 9}',
    ],
)
def test_replicate_is_asked_for_text(given: str) -> None:
    source = f"import replicate\n\ndef ask(model, text):\n    return replicate.run({given})\n"
    assert lines(compiled(source)) == [4]


@pytest.mark.parametrize(
    "given",
    [
        '"black-forest-labs/flux-dev-lora", input={"prompt": text}',
        '"stability-ai/sdxl:39ed", input={"prompt": text}',
        '"openai/whisper", input={"audio": text}',
        '"meta/musicgen", input={"prompt": text}',
        '"shop/posters", input={"prompt": text, "width": 9}',
        'model, input={"text": text}',
        "model, input=text",
    ],
)
def test_what_replicate_draws_plays_or_hears_is_no_call(given: str) -> None:
    source = f"import replicate\n\ndef ask(model, text):\n    return replicate.run({given})\n"
    assert lines(compiled(source)) == []
