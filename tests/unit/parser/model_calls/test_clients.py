"""Ways by which libraries ask a model: each is a call, with what it says."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines

WAYS = {
    "a runner of tools": (
        "import anthropic\n"
        "client = anthropic.Anthropic()\n"
        "said = [{'role': 'user', 'content': 'Go.'}]\n"
        "client.beta.messages.tool_runner(model='m', messages=said)",
        "anthropic.messages",
        "Go.",
    ),
    "an interaction": (
        "from google import genai\n"
        "client = genai.Client()\n"
        "client.interactions.create(model='m', input='Go.')",
        "google.interactions",
        "Go.",
    ),
    "an agent that streams": (
        "from mistralai import Mistral\n"
        "client = Mistral(api_key='k')\n"
        "client.agents.stream(agent_id='a', messages=[{'role': 'user', 'content': 'Go.'}])",
        "mistral",
        "Go.",
    ),
    "an agent that a server keeps": (
        "from letta_client import Letta\n"
        "client = Letta(token='t')\n"
        "said = [{'role': 'user', 'content': 'Go.'}]\n"
        "client.agents.messages.create(agent_id='a', messages=said)",
        "letta",
        "Go.",
    ),
    "a patched function": (
        "import instructor\n"
        "from llama_cpp import Llama\n"
        "create = instructor.patch(create=Llama('m').create_chat_completion_openai_v1)\n"
        "create(messages=[{'role': 'user', 'content': 'Go.'}], response_model=str)",
        "instructor.patched",
        "Go.",
    ),
    "a partial response": (
        "import instructor\n"
        "client = instructor.from_provider('openai/m')\n"
        "client.responses.create_partial(input='Go.', response_model=str)",
        "openai.responses",
        "Go.",
    ),
    "a task": (
        "import marvin\nmarvin.run('Go.', result_type=str)",
        "marvin",
        "Go.",
    ),
    "a text to be cast": (
        "import marvin\nmarvin.cast('Go.', target=int)",
        "marvin.data",
        "Go.",
    ),
    "a chat on the command line": (
        "from pydantic_ai import Agent\n"
        "agent = Agent('m', instructions='Be kind.')\n"
        "agent.to_cli_sync()",
        "pydantic_ai",
        "Be kind.",
    ),
    "a request that an adapter hands on": (
        "from pydantic_ai import Agent\n"
        "from pydantic_ai.ui.ag_ui import AGUIAdapter\n"
        "agent = Agent('m', instructions='Be kind.')\n"
        "async def answer(request):\n"
        "    return await AGUIAdapter.dispatch_request(request, agent=agent)",
        "pydantic_ai.adapter",
        "Be kind.",
    ),
    "a request without an agent": (
        "from pydantic_ai.direct import model_request_sync\n"
        "from pydantic_ai.messages import ModelRequest, UserPromptPart\n"
        "said = ModelRequest(parts=[UserPromptPart('Go.')])\n"
        "model_request_sync('openai:m', [said])",
        "pydantic_ai.direct",
        "Go.",
    ),
    "an agent whose steps are kept": (
        "from pydantic_ai import Agent\n"
        "from pydantic_ai.durable_exec.temporal import TemporalAgent\n"
        "async def main():\n"
        "    kept = TemporalAgent(Agent('m', instructions='Be kind.'))\n"
        "    return await kept.run('Go.')",
        "pydantic_ai",
        "Be kind.",
    ),
    "an atomic agent": (
        "from atomic_agents import AgentConfig, AtomicAgent, BasicChatInputSchema\n"
        "from atomic_agents.context import SystemPromptGenerator\n"
        "rules = SystemPromptGenerator(background=['Be kind.'])\n"
        "agent = AtomicAgent[int, int](config=AgentConfig(system_prompt_generator=rules))\n"
        "agent.run_stream(BasicChatInputSchema(chat_message='Go.'))",
        "atomic_agents",
        "Be kind.",
    ),
    "a model that searches itself": (
        "from txtai import LLM\nllm = LLM('m')\nllm('Go.')",
        "txtai",
        "Go.",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_librarys_way_of_asking_is_a_call(way: str) -> None:
    source, family, text = WAYS[way]
    (call,) = compiled(source).calls
    assert (call.family, call.segments[0].text) == (family, text)


def test_words_that_only_one_library_asks_by_ask_nothing_elsewhere() -> None:
    file = compiled(
        """
        from typing import cast
        import robot

        def work(items, prompt):
            items.append(prompt)
            robot.say(prompt)
            return cast(str, robot.plan(prompt))
        """
    )
    assert not file.calls


def test_a_conversation_that_a_server_keeps_goes_on() -> None:
    file = compiled(
        """
        from mistralai import Mistral

        client = Mistral(api_key="k")

        def talk():
            first = client.beta.conversations.start(agent_id="a", inputs="Who won?")
            return client.beta.conversations.append(
                conversation_id=first.conversation_id, inputs="And before?"
            )
        """
    )
    assert edges(file) == {(7, 8, "data")}


def test_the_tasks_of_a_pipeline_hear_the_one_before() -> None:
    file = compiled(
        """
        from griptape.structures import Pipeline
        from griptape.tasks import PromptTask

        pipeline = Pipeline()
        pipeline.add_tasks(
            PromptTask("Outline {{ args[0] }}"),
            PromptTask("Write {{ parent_output }}"),
            PromptTask("Shorten {{ parent_output }}"),
        )
        pipeline.run("rivers")
        """
    )
    assert edges(file) == {(11, 8, "data"), (8, 9, "data")}


def test_a_task_hears_those_that_it_depends_on() -> None:
    file = compiled(
        """
        import marvin

        def report(topic):
            facts = marvin.Task("Collect facts.")
            names = marvin.Task("Collect names.")
            summary = marvin.Task("Sum up.", depends_on=[facts], context={"names": names})
            return summary.run()
        """
    )
    assert edges(file) == {(8, 7, "data"), (6, 7, "data")}
    assert not any(call.fanout for call in file.calls)


def test_each_task_of_a_workflow_is_a_call() -> None:
    file = compiled(
        """
        from griptape.structures import Workflow
        from griptape.tasks import PromptTask

        def run(topic):
            workflow = Workflow()
            names = PromptTask("Name rivers.", id="names")
            texts = PromptTask("Describe {{ parent_outputs['names'] }}", parent_ids=["names"])
            workflow.add_tasks(names, texts)
            return workflow.run(topic)
        """
    )
    assert [call.line for call in file.calls] == [8, 10]
    assert not edges(file)


@pytest.mark.parametrize(
    ("task", "asks"),
    [
        ("'text-generation'", True),
        ("'summarization'", True),
        ("model='gpt2'", True),
        ("'sentiment-analysis'", False),
        ("task='automatic-speech-recognition'", False),
        ("'zero-shot-classification'", False),
    ],
)
def test_a_pipeline_for_anything_but_text_asks_no_model(task: str, asks: bool) -> None:
    source = f"from transformers import pipeline\n\nrun = pipeline({task})\nrun('Name a sea.')\n"
    assert bool(compiled(source).calls) is asks


def test_a_chat_of_emergent_is_asked_where_a_message_is_sent() -> None:
    file = compiled(
        """
        from emergentintegrations.llm.chat import LlmChat, UserMessage

        async def plan(place):
            chat = LlmChat(api_key="k", session_id="s", system_message="You plan journeys.")
            chat = chat.with_model("openai", "gpt-4o")
            drafted = await chat.send_message(UserMessage(text=f"Plan a journey to {place}."))
            return await chat.send_message(UserMessage(text="Make it shorter."))
        """
    )
    assert lines(file) == [7, 8]
    first, second = file.calls
    assert [segment.role for segment in first.segments] == ["system", "user", "user", "user"]
    assert edges(file) == {(7, 8, "data")}
    assert second.segments[0].text == first.segments[0].text
