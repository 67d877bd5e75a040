"""Calls of models whose client is not in the sources: what names, arguments and use tell."""

import pytest

from tests.unit.parser.compiled import compiled, lines


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
