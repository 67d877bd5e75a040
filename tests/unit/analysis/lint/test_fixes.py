"""Rewrites that keep the program's graph."""

import pytest

from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.lint.fixes import same_graph
from tests.unit.analysis.lint.linting import agent, findings, fixed, rules

VARIABLE_FIRST = agent('''
    prompt = f"""Document:
    {document}

    Summarise what it says about money, people and dates, each in one short paragraph.  # keep

    Answer:"""
    # the answer is short
    return self.client.generate(prompt, max_tokens=100)
''')
SETS = agent("""
    topics = ", ".join(set(question))  # topics of the day
    return self.client.generate(f"{SYSTEM} Topics: {topics}", max_tokens=100)
""")
JSON = agent(
    """
    data = json.dumps(
        document,
        indent=2,
    )
    return self.client.generate(f"{SYSTEM} Data: {data}", max_tokens=100)
    """,
    head="import json\n",
)
TEMPLATE = agent(
    "return self.client.generate(TEMPLATE.format(name=document, year=question), max_tokens=100)",
    head='''
    TEMPLATE = """Company: {name}
    Year: {year}

    Write five sober paragraphs about the company, its market, its risks and what to do about them.

    Analysis:"""
    ''',
)
FIXABLE = {
    "variable-before-shared-text": VARIABLE_FIRST,
    "unordered-in-prompt": SETS,
    "json-without-sorted-keys": JSON,
}


@pytest.mark.parametrize("rule", FIXABLE)
def test_the_finding_is_gone_and_the_graph_is_the_same(rule: str) -> None:
    result = fixed(FIXABLE[rule])
    assert rule in {finding.rule for finding in result.applied}
    assert rule not in rules(result.source)
    assert same_graph(
        compile_source("agent.py", FIXABLE[rule]), compile_source("agent.py", result.source)
    )


@pytest.mark.parametrize("source", [*FIXABLE.values(), TEMPLATE])
def test_fixing_twice_changes_nothing_more(source: str) -> None:
    once = fixed(source).source
    assert fixed(once).source == once


def test_the_constant_paragraph_goes_first_and_the_cue_stays_last() -> None:
    text = fixed(VARIABLE_FIRST).source
    assert text.index("Summarise") < text.index("{document}") < text.index("Answer:")


def test_comments_and_formatting_are_kept() -> None:
    assert "# the answer is short" in fixed(VARIABLE_FIRST).source
    assert "# topics of the day" in fixed(SETS).source
    assert "indent=2,\n" in fixed(JSON).source


def test_a_template_constant_used_once_is_reordered() -> None:
    text = fixed(TEMPLATE).source
    assert text.index("Write five") < text.index("Company: {name}") < text.index("Analysis:")


def test_a_template_used_twice_is_left_to_its_author() -> None:
    twice = (
        TEMPLATE + "\n    def other(self):\n        return TEMPLATE.format(name='a', year='b')\n"
    )
    assert fixed(twice).source == twice


@pytest.mark.parametrize(
    "paragraph",
    [
        "Summarise the document above in three short paragraphs about money, people and dates.",
        "Summarise the preceding text in three short paragraphs about money, people and dates.",
        "Answer about money, people and dates of the following document, in three paragraphs:",
    ],
)
def test_text_that_points_to_its_neighbours_is_not_moved(paragraph: str) -> None:
    source = VARIABLE_FIRST.replace(
        "Summarise what it says about money, people and dates, each in one short paragraph. "
        " # keep",
        paragraph,
    )
    assert fixed(source).source == source


def test_a_field_with_effects_is_not_moved() -> None:
    source = VARIABLE_FIRST.replace("{document}", "{document.pop()}")
    assert fixed(source).source == source


def test_what_does_not_parse_is_left_alone() -> None:
    assert fixed("def f(:\n").source == "def f(:\n"


@pytest.mark.parametrize(
    "before",
    [
        'label = "für die Übersicht — ✓"; ',
        "label = f\"{question:>{len(question)}} {f'{question}'}\"; ",
    ],
)
def test_what_stands_before_a_prompt_on_its_line_stays_as_it_is(before: str) -> None:
    source = VARIABLE_FIRST.replace("prompt = ", f"{before}prompt = ")
    assert fixed(source).source == fixed(VARIABLE_FIRST).source.replace(
        "prompt = ", f"{before}prompt = "
    )


def test_a_prompt_beside_newer_syntax_is_reordered() -> None:
    newer = "\n\ntype Pair[T] = tuple[T, T]\n"
    assert fixed(VARIABLE_FIRST + newer).source == fixed(VARIABLE_FIRST).source + newer


def test_findings_of_one_line_are_told_in_one_order() -> None:
    source = agent("""
        first = ", ".join(set(question)); second = "; ".join(set(document))
        return self.client.generate(f"{SYSTEM} {second} and {first}", max_tokens=100)
    """)
    told = [(found.line, found.rule, found.node, found.message) for found in findings(source)]
    assert told == sorted(told)
