"""What a deployment cannot do is left out of a plan."""

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.planning import Levers
from charter_engine.plan.limits import NO_RELOAD, NO_RETENTION, NOTHING_RELEASES, within


def test_a_deployment_that_can_do_everything_leaves_everything_in() -> None:
    able = Profile(retention=True, release=True, load_unload=True)
    assert within(Levers(), able) == (Levers(), {})


def test_without_retention_inputs_no_policy_is_searched() -> None:
    levers, reasons = within(
        Levers(), Profile(release=True, load_unload=True, reasons={"retention": "no such input"})
    )
    assert levers == Levers(retention=False)
    assert "no such input" in reasons["policy"].text


def test_without_model_control_no_server_setting_is_searched() -> None:
    levers, reasons = within(Levers(), Profile(retention=True, release=True))
    assert levers == Levers(block_size=False, host_tier=False)
    assert NO_RELOAD in reasons["tokens_per_block"].text
    assert reasons["server"].label == "measured"


def test_without_a_way_to_be_told_nothing_is_released() -> None:
    levers, reasons = within(Levers(), Profile(retention=True, load_unload=True))
    assert levers == Levers(release=False)
    assert NOTHING_RELEASES in reasons["release"].text


def test_a_missing_reason_is_told_in_general_words() -> None:
    assert NO_RETENTION in within(Levers(), Profile())[1]["policy"].text
