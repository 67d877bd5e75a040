"""What is found in the web with an answer is none of it."""

import pytest

from tests.unit.parser.compiled import joined

SEARCHES = [
    ("from duckduckgo_search import DDGS", "DDGS().text(query, max_results=3)"),
    ("from ddgs import DDGS", "[one['body'] for one in DDGS().text(query)]"),
    ("from serpapi import GoogleSearch", 'GoogleSearch({"q": query}).get_dict()["results"]'),
    ("import wikipedia", "wikipedia.summary(query)"),
    ("import wikipedia", "wikipedia.page(query).content"),
    ("from tavily import TavilyClient", 'TavilyClient().search(query)["results"]'),
]


@pytest.mark.parametrize(("imported", "search"), SEARCHES)
def test_what_is_searched_with_an_answer_does_not_carry_it(imported: str, search: str) -> None:
    program = f"""
{imported}

def main(question):
    query = ask(f"Write a query that answers this. {{question}}")
    found = {search}
    return ask(f"Answer by what was found. {{found}}")
"""
    assert joined(program) == set()


def test_what_is_made_with_an_answer_carries_it() -> None:
    program = """
from reports import Report

def main(question):
    query = ask(f"Write a query that answers this. {question}")
    found = Report({"q": query}).get_dict()["results"]
    return ask(f"Answer by what was found. {found}")
"""
    assert joined(program) == {"Write > Answer"}
