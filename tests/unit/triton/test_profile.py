"""What a deployment's release takes for settings that are not set."""

import pytest

from charter_engine.embedded.engine.contract import engine_config_pbtxt
from charter_engine.triton.client import contract_of
from charter_engine.triton.model_config import parse_config, set_parameters_of
from charter_engine.triton.profile import defaults_of, why_no_reuse


def test_a_placeholder_that_was_never_filled_says_nothing() -> None:
    parameters = {"batch_scheduler_policy": "${batch_scheduler_policy}", "decoding_mode": ""}
    config = parse_config(engine_config_pbtxt({**parameters, "max_beam_width": "1"}), "m")
    found = set_parameters_of(config)
    assert found["max_beam_width"] == "1" and not found.keys() & parameters.keys()


@pytest.mark.parametrize(("profile", "reuse"), [("24.10", "false"), ("25.05", "true")])
def test_reuse_is_on_by_default_from_the_release_that_made_it_so(profile: str, reuse: str) -> None:
    config = parse_config(engine_config_pbtxt({}, profile), "m")
    assert defaults_of(contract_of(config))["enable_kv_cache_reuse"] == reuse


def test_without_an_engine_there_are_no_defaults() -> None:
    assert defaults_of(None) == {}


@pytest.mark.parametrize(("beams", "possible"), [("1", True), ("4", False), ("${beams}", True)])
def test_search_by_beams_makes_reuse_impossible(beams: str, possible: bool) -> None:
    assert (why_no_reuse({"max_beam_width": beams}) == "") is possible
