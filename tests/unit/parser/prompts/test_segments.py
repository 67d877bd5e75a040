"""Prompts as segments: filled in and joined, they are what the program would send, byte for
byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.graph import Call
from tests.unit.parser.compiled import compiled, edges, only

SEND = "client.chat.completions.create(messages=[dict(role='user', content={prompt})])"


def filled(call: Call, names: dict[str, object]) -> str:
    """The prompt of a call with its variables bound."""
    return "".join(
        segment.text if segment.kind == "static" else str(eval(segment.expression, {}, names))
        for segment in call.segments
    )


def assert_exact(setup: str, prompt: str, names: dict[str, object]) -> None:
    scope = dict(names)
    exec(setup, scope)
    expected = eval(prompt, scope)
    parameters = ", ".join(names)
    body = "".join(f"    {line}\n" for line in setup.splitlines())
    call = only(
        compiled(f"def run(client, {parameters}):\n{body}    {SEND.format(prompt=prompt)}\n")
    )
    assert filled(call, names) == expected


def test_a_text_loses_its_margin_around_what_fills_it() -> None:
    for setup, moved in (
        ("from textwrap import dedent", "dedent"),
        ("from inspect import cleandoc", "cleandoc"),
    ):
        text = 'f"\\n    Ask {name}.\\n      Then {name} again:\\n    {text}\\n"'
        assert_exact(setup, f"{moved}({text})", {"name": "Ann", "text": "What is new?"})


NAMES: dict[str, object] = {
    "a": "alpha",
    "b": "{b}%s",
    "row": {"company": "Ω", "size": 5},
    "number": 3.14159,
}
TEXT = st.text(alphabet="xy {}%\n\t\"'\\é", max_size=12)


@given(TEXT, TEXT, TEXT)
def test_f_strings(first: str, second: str, third: str) -> None:
    escaped = [
        repr(text.replace("{", "{{").replace("}", "}}"))[1:-1].replace("'", "\\'")
        for text in (first, second, third)
    ]
    if any("\\\\'" in text for text in escaped):
        return
    assert_exact(
        "", "f'" + escaped[0] + "{a}" + escaped[1] + "{number:.2f}{b!r}" + escaped[2] + "'", NAMES
    )


@given(TEXT, TEXT)
def test_concatenation_and_augmented_assignment(first: str, second: str) -> None:
    assert_exact(f"p = {first!r} + a\np += {second!r}\np = p + b", "p", NAMES)


@given(TEXT, TEXT)
def test_format_with_fields_positions_and_mappings(first: str, second: str) -> None:
    head = first.replace("{", "{{").replace("}", "}}")
    tail = second.replace("{", "{{").replace("}", "}}")
    assert_exact(f"t = {head + '{company}' + tail + '{size:>4}'!r}", "t.format(**row)", NAMES)
    assert_exact(f"t = {head + '{0}' + tail + '{x}{0}'!r}", "t.format(a, x=b)", NAMES)


@given(TEXT, TEXT)
def test_percent(first: str, second: str) -> None:
    head, tail = first.replace("%", "%%"), second.replace("%", "%%")
    assert_exact(f"t = {head + '%s' + tail + '%5.1f'!r}", "t % (a, number)", NAMES)
    assert_exact(f"t = {head + '%(company)s' + tail!r}", "t % row", NAMES)


@given(st.lists(TEXT, min_size=1, max_size=4), TEXT)
def test_join(parts: list[str], separator: str) -> None:
    assert_exact(f"parts = {parts!r}\nparts.append(a)", f"{separator!r}.join(parts)", NAMES)


@given(TEXT)
def test_text_methods(text: str) -> None:
    assert_exact(f"import textwrap\nt = textwrap.dedent({text!r}).strip()", "t + a", NAMES)
    assert_exact(f"t = {text!r}.replace('x', 'yy').upper()", "t + a", NAMES)


@given(TEXT, TEXT)
def test_a_filled_text_that_is_stripped(first: str, second: str) -> None:
    around = f"t = {first!r} + a + {second!r}"
    assert_exact(around, "t.strip()", NAMES)
    assert_exact(around, "t.lstrip('xya')", NAMES)
    assert_exact(f"{around}\nt = f' {{t}}\\n'", "t.rstrip()", NAMES)


def test_a_loop_over_texts_that_are_written_out() -> None:
    assert_exact("t = 'Rules:'\nfor one in ('Plan.', 'Write.'): t += ' ' + one", "t + a", NAMES)
    assert_exact("t = []\nfor one in ['Plan.', 'Write.']: t.append(one)", "'; '.join(t) + a", NAMES)


def test_each_message_that_a_loop_makes_of_a_literal_is_told() -> None:
    call = only(
        compiled(
            """
            RULES = ["Plan first.", "Then write."]

            def run(client, text):
                messages = []
                for rule in RULES:
                    messages.append({"role": "system", "content": rule})
                messages.append({"role": "user", "content": text})
                return client.chat.completions.create(messages=messages)
            """
        )
    )
    assert [(part.role, part.text or part.name) for part in call.segments] == [
        ("system", "Plan first."),
        ("system", "Then write."),
        ("user", "text"),
    ]


def test_a_named_constant_keeps_its_own_segment() -> None:
    call = only(
        compiled(
            """
            class Agent:
                SYSTEM = "You are brief."

                def run(self, client, x):
                    return client.generate(f"{self.SYSTEM}\\n\\nTask: {x}", max_tokens=5)
            """
        )
    )
    assert [(segment.kind, segment.name) for segment in call.segments] == [
        ("static", "SYSTEM"),
        ("static", ""),
        ("variable", "x"),
    ]


def test_static_text_is_split_at_blank_lines() -> None:
    call = only(compiled("client.generate('One thing.\\n\\nAnother thing.', max_tokens=5)"))
    assert [segment.text for segment in call.segments] == ["One thing.", "\n\nAnother thing."]


def test_roles_hold_for_every_segment_of_a_message() -> None:
    call = only(
        compiled(
            """
            def run(client, x):
                rule = {"role": "system", "content": "Be brief."}
                messages = [rule, {"role": "user", "content": f"Say {x}"}]
                return client.chat.completions.create(model="m", messages=messages)
            """
        )
    )
    assert [(segment.role, segment.kind) for segment in call.segments] == [
        ("system", "static"),
        ("user", "static"),
        ("user", "variable"),
    ]


def test_a_template_of_a_chain_is_filled_from_the_call() -> None:
    call = only(
        compiled(
            """
            from langchain_core.prompts import ChatPromptTemplate
            from langchain_openai import ChatOpenAI

            prompt = ChatPromptTemplate([("system", "You grade."), ("human", "Essay: {essay}")])
            chain = prompt | ChatOpenAI()

            def grade(text):
                return chain.invoke({"essay": text})
            """
        )
    )
    assert [(segment.role, segment.text or segment.expression) for segment in call.segments] == [
        ("system", "You grade."),
        ("user", "Essay: "),
        ("user", "text"),
    ]


def test_what_a_branch_decides_is_unknown_and_not_guessed() -> None:
    call = only(
        compiled(
            """
            def run(client, polite):
                if polite:
                    prompt = "Please answer: why?"
                else:
                    prompt = "Answer now: why?"
                return client.generate(prompt, max_tokens=5)
            """
        )
    )
    assert all(segment.kind != "static" for segment in call.segments)


def test_a_text_that_a_branch_adds_to_keeps_its_beginning() -> None:
    call = only(
        compiled(
            """
            def run(client, notes):
                prompt = "Answer in a line. "
                if notes:
                    prompt += "You know this: " + notes
                return client.generate(prompt, max_tokens=5)
            """
        )
    )
    beginning, rest = call.segments
    assert (beginning.text, rest.kind, rest.name) == ("Answer in a line. ", "variable", "prompt")


def test_a_predictors_signature_gives_its_instructions() -> None:
    file = compiled(
        """
        import dspy

        class Answer(dspy.Signature):
            \"\"\"Answer in the voice of the persona.\"\"\"
            persona = dspy.InputField()
            answer = dspy.OutputField()

        class Program(dspy.Module):
            def __init__(self):
                self.predict = dspy.Predict(Answer)

            def forward(self, persona):
                return self.predict(persona=persona).answer
        """
    )
    first, second = only(file).segments
    assert (first.role, first.text, first.line) == (
        "system",
        "Answer in the voice of the persona.",
        5,
    )
    assert (second.kind, second.name) == ("variable", "persona")


def test_a_template_of_messages_is_filled_in() -> None:
    file = compiled(
        """
        from llama_index.llms import ChatMessage
        from llama_index.prompts import ChatPromptTemplate

        rule = ChatMessage(role="system", content="You write prompts.")
        template = ChatPromptTemplate([rule, ChatMessage(role="user", content="For: {task}")])

        def write(llm, task):
            return llm.chat(template.format_messages(task=task))
        """
    )
    found = [(segment.role, segment.text or segment.name) for segment in only(file).segments]
    assert found == [("system", "You write prompts."), ("user", "For: "), ("user", "task")]


def test_templates_of_other_syntaxes_are_filled_in() -> None:
    file = compiled(
        """
        from string import Template
        from jinja2 import BaseLoader, Environment
        from jinja2 import Template as Page

        RULES = "Cite {{ source }} for ${price}. "
        env = Environment(loader=BaseLoader())

        def ask(llm, source, cost):
            llm.invoke(Template(RULES).substitute(price=cost))
            llm.invoke(env.from_string(RULES).render(source=source))
            llm.invoke(Page("{% for page in pages %}{{ page }}{% endfor %}").render(pages=source))
        """
    )
    found = [[segment.text or segment.name for segment in call.segments] for call in file.calls]
    assert found[:2] == [
        ["Cite {{ source }} for ", "cost", ". "],
        ["Cite ", "source", " for ${price}. "],
    ]
    assert [segment.kind for segment in file.calls[2].segments] == ["unknown"]


def test_format_map_fills_in_what_the_mapping_holds() -> None:
    file = compiled(
        """
        def rate(client, row):
            prompt = "Rate this: {output}".format_map(row)
            return client.chat.completions.create(messages=[{"role": "user", "content": prompt}])
        """
    )
    text, gap = only(file).segments
    assert (text.text, gap.expression) == ("Rate this: ", 'row["output"]')


def test_the_name_that_a_model_is_made_with_is_no_part_of_a_prompt() -> None:
    file = compiled(
        """
        from langchain.chat_models import init_chat_model
        from settings import settings

        def model():
            name = settings.model
            if ":" not in name:
                name = f"openai:{name}"
            return init_chat_model(name)

        def answer(text):
            return model().invoke([("system", "Be brief."), ("user", text)])
        """
    )
    assert [segment.text or segment.name for segment in only(file).segments] == [
        "Be brief.",
        "text",
    ]


def test_lines_that_are_there_on_every_way_are_told_among_others() -> None:
    call = only(
        compiled(
            """
            def run(client, topic, notes):
                lines = ["You write.", f"Topic: {topic}"]
                for note in notes:
                    lines.append(f"- {note}")
                if notes:
                    lines.append("Use the notes.")
                lines.append("Begin.")
                prompt = "\\n".join(lines)
                client.chat.completions.create(messages=[dict(role="user", content=prompt)])
            """
        )
    )
    assert [segment.text or segment.expression for segment in call.segments] == [
        "You write.\nTopic: ",
        "topic",
        "'\\n'.join(lines[2:4])",
        "\nBegin.",
    ]


@pytest.mark.parametrize(
    "added",
    [
        'lines += [f"- {note}" for note in notes]',
        "lines += [str(note) for note in notes]",
        "lines += notes",
        'lines.extend(f"- {note}" for note in notes)',
        'lines = lines + [f"- {note}" for note in notes]',
        "lines = [*lines, *(note.text for note in notes)]",
    ],
)
def test_lines_of_another_list_are_one_part_among_those_that_are_written(added: str) -> None:
    call = only(
        compiled(
            f"""
            def run(client, topic, notes):
                lines = ["You write.", f"Topic: {{topic}}"]
                {added}
                lines.append("Begin.")
                prompt = "\\n".join(lines)
                client.chat.completions.create(messages=[dict(role="user", content=prompt)])
            """
        )
    )
    assert [segment.text or segment.expression for segment in call.segments] == [
        "You write.\nTopic: ",
        "topic",
        "'\\n'.join(lines[2:3])",
        "\nBegin.",
    ]


def test_answers_that_are_put_behind_lines_reach_the_prompt() -> None:
    file = compiled(
        """
        from openai import OpenAI

        client = OpenAI()

        def ask(prompt):
            return client.responses.create(model="m", input=prompt).output_text

        def main(topic):
            lines = ["Write about this, by these plans.", topic]
            plans = [ask(f"Plan part {number}") for number in range(3)]
            lines += [f"- {plan}" for plan in plans]
            lines.append("Begin.")
            return ask("\\n".join(lines))
        """
    )
    assert edges(file) == {(11, 14, "data")}


def test_lines_are_one_unknown_text_where_others_may_stand_between_them() -> None:
    call = only(
        compiled(
            """
            def run(client, notes):
                lines = list(notes)
                lines.append("Begin.")
                prompt = "\\n".join(lines)
                client.chat.completions.create(messages=[dict(role="user", content=prompt)])
            """
        )
    )
    assert [segment.expression for segment in call.segments] == ["'\\n'.join(lines)"]


def test_a_model_that_stands_first_is_no_prompt_where_a_wrapper_hands_the_messages_on() -> None:
    file = compiled(
        """
        from litellm import completion

        def ask(model, **options):
            return completion(model, **options)

        def grade(essay):
            said = [{"role": "user", "content": f"Grade this essay: {essay}"}]
            return ask("m", messages=said, temperature=0).choices[0].message.content
        """
    )
    grade = next(call for call in file.calls if call.kind == "wrapper")
    assert [part.text for part in grade.segments] == ["Grade this essay: ", ""]


def test_the_type_of_a_picture_is_no_text_of_the_prompt() -> None:
    call = only(
        compiled(
            """
            from anthropic import Anthropic

            def look(kind, data):
                source = {"type": "base64", "media_type": f"image/{kind}", "data": data}
                parts = [{"type": "image", "source": source}, {"type": "text", "text": "Tell all."}]
                said = [{"role": "user", "content": parts}]
                return Anthropic().messages.create(model="m", max_tokens=9, messages=said)
            """
        )
    )
    assert [part.text for part in call.segments] == ["", "Tell all."]


def test_the_label_of_a_field_that_a_person_fills_is_no_text_of_the_prompt() -> None:
    call = only(
        compiled(
            """
            import streamlit
            from openai import OpenAI

            question = streamlit.text_input("What do you want to know?")
            OpenAI().responses.create(model="m", input=question)
            """
        )
    )
    assert [(part.kind, part.text) for part in call.segments] == [("variable", "")]


LOG = """
from openai import OpenAI

def ask(prompt):
    messages = [{"role": "user", "content": prompt}]
    return OpenAI().chat.completions.create(model="m", messages=messages).choices[0].message.content

def main(goal):
    log = BEGUN
    for step in goal.split(","):
        done = "\\n".join(log)
        log.append(ask(f"Do {step}. Done so far: {done}"))
    return ask("Sum it up: " + "\\n".join(log))
"""


@pytest.mark.parametrize("begun", ["[]", '["Begun."]'])
def test_a_list_that_a_loop_fills_with_answers_is_told_as_such(begun: str) -> None:
    step, sum_up = (c for c in compiled(LOG.replace("BEGUN", begun)).calls if c.function == "main")
    assert [(one.kind, one.carried) for one in step.segments][-1] == ("upstream", "loop")
    assert [(one.kind, one.carried) for one in sum_up.segments][-1] == ("upstream", "data")


def test_a_list_of_which_a_loop_decides_each_member_is_named_as_a_whole() -> None:
    file = compiled(LOG.replace("BEGUN", "[]"))
    (sum_up,) = (call for call in file.calls if call.segments[0].text.startswith("Sum"))
    assert [one.expression for one in sum_up.segments] == ["", "'\\n'.join(log)"]


MESSAGES = """
def run(client, store, history, question, is_expert):
    rules = {"role": "system", "content": "Be kind."}
    asked = {"role": "user", "content": question}
    told = [{"role": one.role, "content": one.text} for one in store.load()]
    MAKE
    client.chat.completions.create(model="m", messages=messages)
"""


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("messages = [rules, *history, asked]", ["Be kind.", "history", "question"]),
        ("messages = [rules] + history + [asked]", ["Be kind.", "history", "question"]),
        ("messages = [rules, *told, asked]", ["Be kind.", "one.text", "question"]),
        (
            "messages = history; messages.insert(0, rules); messages.append(asked)",
            ["Be kind.", "messages", "question"],
        ),
    ],
)
def test_messages_that_are_not_known_one_by_one_stand_in_their_place(
    made: str, said: list[str]
) -> None:
    call = only(compiled(MESSAGES.replace("MAKE", made)))
    assert [one.text or one.expression for one in call.segments] == said


def test_a_text_that_an_expression_chooses_is_named_by_that() -> None:
    made = 'rules["content"] = "Be exact." if is_expert else "Be kind."; messages = [rules]'
    call = only(compiled(MESSAGES.replace("MAKE", made)))
    assert [(one.kind, one.expression) for one in call.segments] == [
        ("variable", "'Be exact.' if is_expert else 'Be kind.'")
    ]


def test_a_message_that_a_branch_adds_is_named_by_its_text() -> None:
    made = "messages = [rules, asked]\n    if is_expert:\n        messages.append(HINT)"
    hint = '{"role": "user", "content": "Be exact."}'
    call = only(compiled(MESSAGES.replace("MAKE", made).replace("HINT", hint)))
    assert [(one.kind, one.text or one.expression) for one in call.segments] == [
        ("static", "Be kind."),
        ("variable", "question"),
        ("variable", "'Be exact.'"),
    ]


@pytest.mark.parametrize(
    ("made", "is_told"),
    [
        ("types.Part.from_text(text=f'Plan a talk of {topic}')", True),
        ("types.Content(role='user', parts=[Part.from_text(f'Plan a talk of {topic}')])", True),
        ("Digest.from_text(text=f'Plan a talk of {topic}')", False),
    ],
)
def test_a_part_of_a_message_that_is_made_of_a_text_says_that(made: str, is_told: bool) -> None:
    call = only(
        compiled(
            f"""
            from google import genai
            from google.genai import types
            from google.genai.types import Part
            from digests import Digest

            def plan(topic):
                return genai.Client().models.generate_content(model="m", contents=[{made}])
            """
        )
    )
    assert ("Plan a talk of " in [one.text for one in call.segments]) is is_told
