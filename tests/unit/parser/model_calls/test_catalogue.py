"""The declarative catalogue, and what a user adds to it."""

from typing import Any

import pytest

from charter_engine.analysis.compile import CompileOptions, compile_source
from charter_engine.parser.model_calls.catalogue import (
    CatalogueError,
    default_catalogue,
    extended_catalogue,
)

SOURCE = "from acme.ai import converse\nconverse(speech='Tell me what is new today', volume=3)\n"


def test_a_users_family_is_recognised() -> None:
    own = {"families": [{"name": "acme", "functions": ["acme.ai.converse"], "prompt": ["speech"]}]}
    options = CompileOptions(catalogue=extended_catalogue(own))
    (call,) = compile_source("a.py", SOURCE, options=options).calls
    assert (call.family, call.segments[0].text) == ("acme", "Tell me what is new today")
    assert not any(call.family == "acme" for call in compile_source("a.py", SOURCE).calls)


def test_the_recogniser_set_is_part_of_the_cache_key() -> None:
    own = {"families": [{"name": "acme", "functions": ["acme.ai.converse"]}]}
    assert extended_catalogue(own).digest != default_catalogue().digest
    assert extended_catalogue({}).digest == default_catalogue().digest


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"familys": []}, "familys"),
        ({"families": {}}, "array"),
        ({"families": [{"functions": []}]}, "name"),
        ({"families": [{"name": "x", "function": ["y"]}]}, "function"),
        ({"families": [{"name": "x", "functions": "y"}]}, "list of strings"),
        ({"families": [{"name": "x", "url": "("}]}, "pattern"),
        ({"evidence": {"nothing": ["x"]}}, "nothing"),
    ],
)
def test_a_bad_table_is_refused_by_name(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        extended_catalogue(tables)


@pytest.mark.parametrize(
    ("source", "families"),
    [
        (
            "from llama_index.core.query_engine import SubQuestionQueryEngine\n"
            "SubQuestionQueryEngine.from_defaults(query_engine_tools=[]).query('Tell it all')",
            ["llamaindex"],
        ),
        (
            "from llama_index.core.retrievers import RecursiveRetriever\n"
            "RecursiveRetriever('vector').retrieve('Tell me all of it')",
            [],
        ),
        (
            "from google.cloud import bigquery\nclient = bigquery.Client()\n"
            "response = client.query(prompt='SELECT all that there is FROM it')",
            [],
        ),
    ],
)
def test_engines_ask_a_model_and_what_looks_up_does_not(source: str, families: list[str]) -> None:
    assert [call.family for call in compile_source("a.py", source).calls] == families
