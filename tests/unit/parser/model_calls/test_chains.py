"""LangChain's pipes, prompt templates and placeholders."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, only

CHAINS = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from shop.models import llm, provider_for

prompt = ChatPromptTemplate.from_template("Praise {idea}")

def praise(idea, model, config):
    return (CHAIN).invoke({"idea": idea})
"""


@pytest.mark.parametrize(
    "chain",
    [
        "prompt | model",
        "prompt | model | StrOutputParser()",
        "prompt | llm.with_structured_output(dict)",
        "prompt | provider_for(config.vendor).llm | StrOutputParser()",
        "llm | StrOutputParser()",
        "llm.bind_tools([])",
    ],
)
def test_a_pipe_holds_a_model_that_is_imported_or_passed_in(chain: str) -> None:
    assert lines(compiled(CHAINS.replace("CHAIN", chain))) == [9]


@pytest.mark.parametrize("chain", ["prompt | StrOutputParser()", "config | model", "prompt"])
def test_a_pipe_without_a_model_is_no_call(chain: str) -> None:
    assert lines(compiled(CHAINS.replace("CHAIN", chain))) == []


def test_the_name_of_a_prompt_that_is_kept_elsewhere_is_not_its_text() -> None:
    call = only(
        compiled(
            """
            from langchain import hub
            from langchain_openai import ChatOpenAI

            chain = hub.pull("library/answer") | ChatOpenAI(model="m")

            def ask(question):
                return chain.invoke({"question": question})
            """
        )
    )
    assert [(segment.kind, segment.expression) for segment in call.segments] == [
        ("unknown", ""),
        ("variable", "question"),
    ]


TEMPLATE = """
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_openai import ChatOpenAI

prompt = ChatPromptTemplate.from_messages(
    [("system", "You sell {goods}. "), MessagesPlaceholder("talk"), ("human", "Answer.")]
)

def ask(talk, goods):
    PARTLY
    return (prompt | ChatOpenAI(model="m")).invoke(GIVEN)
"""


@pytest.mark.parametrize(
    ("partly", "given"),
    [
        ("pass", '{"talk": talk, "goods": goods}'),
        ("prompt = prompt.partial(goods=goods)", "talk"),
        ("prompt = prompt.partial(goods=goods)", '{"talk": talk}'),
    ],
)
def test_a_placeholder_is_filled_with_what_the_call_gives(partly: str, given: str) -> None:
    source = TEMPLATE.replace("PARTLY", partly).replace("GIVEN", given)
    call = only(compiled(source))
    assert [(segment.role, segment.text or segment.name) for segment in call.segments] == [
        ("system", "You sell "),
        ("system", "goods"),
        ("system", ". "),
        (None, "talk"),
        ("user", "Answer."),
    ]


def test_messages_in_the_place_of_a_placeholder_keep_their_roles() -> None:
    call = only(
        compiled(
            """
            from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
            from langchain_openai import ChatOpenAI

            prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("talk")])

            def ask(question):
                chain = prompt | ChatOpenAI(model="m")
                return chain.invoke({"talk": [("system", "Be brief."), ("human", question)]})
            """
        )
    )
    assert [segment.role for segment in call.segments] == ["system", "user"]


def test_an_object_of_a_class_made_from_a_model_is_one_in_a_pipe() -> None:
    call = only(
        compiled(
            """
            from langchain_core.prompts import ChatPromptTemplate
            from langchain_openai import ChatOpenAI

            class Quiet(ChatOpenAI):
                def log(self):
                    return None

            def praise(idea):
                llm = Quiet(model="m")
                chain = ChatPromptTemplate.from_template("Praise {idea}") | llm.bind_tools([])
                return chain.invoke({"idea": idea})
            """
        )
    )
    assert call.segments[0].text == "Praise "


@pytest.mark.parametrize(
    "written",
    [
        "RunnableSequence(prompt, llm, parser)",
        "RunnableSequence(first=prompt, middle=[llm], last=parser)",
        "RunnableSequence(prompt, RunnableSequence(llm, parser))",
    ],
)
def test_a_sequence_that_is_spelled_out_is_what_its_pipe_is(written: str) -> None:
    source = """
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_core.runnables import RunnableSequence
        from langchain_openai import ChatOpenAI

        llm, parser = ChatOpenAI(model="m"), StrOutputParser()
        prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{topic}")])
        chain = WRITTEN

        def work(topic):
            return chain.invoke({"topic": topic})
        """
    (spelled,) = compiled(source.replace("WRITTEN", written)).calls
    (piped,) = compiled(source.replace("WRITTEN", "prompt | llm | parser")).calls
    assert spelled.segments == piped.segments
    assert (spelled.line, spelled.family) == (piped.line, piped.family)


def test_a_template_is_filled_with_all_of_a_dict_that_is_no_message() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI

        def run(chunks, chain, context):
            llm = ChatOpenAI()
            for chunk in chunks:
                context = llm.invoke({"context": context, "input_text": chunk})
        """
    )
    assert edges(file) == {(7, 7, "loop")}


@pytest.mark.parametrize(
    "filled",
    [
        'prompt.invoke({"topic": topic})',
        'prompt.invoke({"topic": topic}).to_messages()',
        "prompt.format_prompt(topic=topic).to_messages()",
    ],
)
def test_a_template_that_is_filled_before_the_model_is_asked_is_its_prompt(filled: str) -> None:
    call = only(
        compiled(
            f"""
            from langchain_core.prompts import ChatPromptTemplate
            from langchain_openai import ChatOpenAI

            llm = ChatOpenAI(model="m")
            said = [("system", "Name the berth."), ("human", "{{topic}}")]
            prompt = ChatPromptTemplate.from_messages(said)

            def work(topic):
                return llm.invoke({filled})
            """
        )
    )
    assert [(part.role, part.text or part.name) for part in call.segments] == [
        ("system", "Name the berth."),
        ("user", "topic"),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        'asked = [f"Name the berth of {ship}." for ship in ships]',
        """asked = []
    for ship in ships:
        asked.append(f"Name the berth of {ship}.")""",
        """asked = []
    for ship in ships:
        asked.append([{"role": "user", "content": f"Name the berth of {ship}."}])""",
    ],
)
def test_of_a_batch_one_prompt_is_shown(asked: str) -> None:
    call = only(
        compiled(
            f"""
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")

def work(ships):
    {asked}
    return llm.batch(asked)
"""
        )
    )
    assert [part.text or part.name for part in call.segments] == ["Name the berth of ", "ship", "."]


def test_how_a_templates_fields_are_written_is_none_of_its_text() -> None:
    call = only(
        compiled(
            """
            from langchain.prompts import ChatPromptTemplate, PromptTemplate
            from langchain_core.prompts import HumanMessagePromptTemplate
            from langchain_openai import ChatOpenAI

            llm = ChatOpenAI(model="m")

            def work(letter, kept):
                asked = PromptTemplate(template=kept.text, template_format="jinja2")
                said = HumanMessagePromptTemplate(prompt=asked)
                prompt = ChatPromptTemplate.from_messages([said])
                return llm.invoke(prompt.format_messages(letter=letter))
            """
        )
    )
    assert [part.text for part in call.segments if part.kind == "static"] == []


def test_a_chain_made_elsewhere_has_the_messages_that_it_is_made_with() -> None:
    file = compiled(
        """
        from llms import create_llm_chain

        def work(text):
            chain = create_llm_chain(system_prompt="Be brief.", human_prompt="Sum up {text} now.")
            return chain.invoke({"text": text})
        """
    )
    said = [
        (part.role, part.text if part.kind == "static" else part.name)
        for part in only(file).segments
    ]
    assert said == [
        ("system", "Be brief."),
        ("user", "Sum up "),
        ("user", "text"),
        ("user", " now."),
    ]
