"""The hit rate to expect of an opportunity, predicted on the agent's inputs."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from charter_engine.analysis.assumed_inputs import synthetic_inputs
from charter_engine.analysis.expected_reuse import with_expected_reuse
from charter_engine.analysis.opportunities import find_opportunities
from charter_engine.contracts.graph import Call, CompiledFile, Opportunity
from tests.unit.encoding import by_character
from tests.unit.plan.agents import DELTA_CALLS, DOCUMENT_CALLS

DOCUMENTS = [
    {"document": f"Document {number}: " + "words of its own. " * 40} for number in range(3)
]


def compiled(calls: Sequence[Call]) -> CompiledFile:
    return CompiledFile(path="a.py", calls=tuple(calls), opportunities=find_opportunities(calls))


def chain_of(file: CompiledFile) -> Opportunity:
    return next(item for item in file.opportunities if item.pattern == "sequential_chain")


def test_the_rate_is_predicted_and_says_on_what() -> None:
    chain = chain_of(with_expected_reuse(compiled(DOCUMENT_CALLS), DOCUMENTS, by_character))
    assert chain.expected_hit_rate is not None and 0.5 < chain.expected_hit_rate < 1.0
    assert chain.expected_label == "predicted"
    assert (
        "all 3 inputs, 32 tokens a block" in chain.expected_basis
        and "as written" in chain.expected_basis
    )


def test_what_is_computed_stands_beside_the_rate() -> None:
    chain = chain_of(with_expected_reuse(compiled(DOCUMENT_CALLS), DOCUMENTS, by_character))
    computed, prompt = chain.expected_computed_tokens, chain.expected_prompt_tokens
    assert computed and prompt and chain.expected_hit_rate == pytest.approx(1 - computed / prompt)


def test_the_block_size_asked_for_is_the_one_predicted_with() -> None:
    file = with_expected_reuse(
        compiled(DOCUMENT_CALLS), DOCUMENTS, by_character, tokens_per_block=128
    )
    assert "128 tokens a block" in chain_of(file).expected_basis


def test_without_inputs_there_is_no_rate_and_the_reason_is_told() -> None:
    chain = chain_of(with_expected_reuse(compiled(DOCUMENT_CALLS), [], by_character))
    assert (chain.expected_hit_rate, chain.expected_basis) == (
        None,
        "no inputs were given to predict it on",
    )


def test_inputs_that_lack_a_variable_give_no_rate_and_name_it() -> None:
    chain = chain_of(
        with_expected_reuse(compiled(DOCUMENT_CALLS), [{"other": "text"}], by_character)
    )
    assert chain.expected_hit_rate is None
    assert "'document'" in chain.expected_basis


def test_many_inputs_are_cut_and_the_basis_says_so() -> None:
    chain = chain_of(with_expected_reuse(compiled(DOCUMENT_CALLS), DOCUMENTS * 20, by_character))
    assert "the first 12 of 60 inputs" in chain.expected_basis


def test_a_call_that_only_others_make_has_no_rate_of_its_own() -> None:
    inner = DOCUMENT_CALLS[0]
    wrapper = replace(inner, id="wrapper", kind="wrapper", via=(inner.id,))
    lone = Opportunity(pattern="shared_prefix", nodes=(inner.id,), shared_tokens=50)
    file = CompiledFile(path="a.py", calls=(inner, wrapper), opportunities=(lone,))
    (found,) = with_expected_reuse(file, DOCUMENTS, by_character).opportunities
    assert found.expected_hit_rate is None and "made by others" in found.expected_basis


def test_a_file_has_no_rate_for_what_stands_in_several_files() -> None:
    chain = chain_of(compiled(DOCUMENT_CALLS))
    file = CompiledFile(path="a.py", calls=DOCUMENT_CALLS[:1], opportunities=(chain,))
    (found,) = with_expected_reuse(file, DOCUMENTS, by_character).opportunities
    assert (found.expected_hit_rate, found.expected_basis) == (
        None,
        "its calls stand in several files",
    )


def test_synthetic_inputs_vary_from_pass_to_pass_and_run_to_run() -> None:
    first, second = (
        synthetic_inputs(DELTA_CALLS, 0)["companies"],
        synthetic_inputs(DELTA_CALLS, 1)["companies"],
    )
    values = [element["company"] for element in (*first, *second)]
    assert len(set(values)) == len(values)
