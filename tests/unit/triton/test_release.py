"""What a push puts where."""

from charter_engine.contracts.plan import ServerSettings
from charter_engine.embedded.engine.contract import engine_config_pbtxt
from charter_engine.embedded.repository import bls_files
from charter_engine.triton.model_config import (
    edit_parameters,
    parameters_in,
    parameters_of,
    parse_config,
)
from charter_engine.triton.release import (
    BLS_CONFIG,
    BLS_PLAN,
    ENGINE_CONFIG,
    Release,
    Stamp,
    engine_config_back,
    engine_parameters,
    plan_release,
    release_of,
    restamped,
)

ENGINE = engine_config_pbtxt(
    {"gpt_model_path": "/engines/a", "kv_cache_free_gpu_mem_fraction": "0.9"}
).encode()
TEMPLATE = bls_files()


def release(
    number: int,
    now: dict[str, bytes | None],
    *,
    last: dict[str, bytes | None] | None = None,
    original: dict[str, bytes | None] | None = None,
    engine: dict[str, str] | None = None,
    in_files: bool = True,
) -> Release:
    return plan_release(
        number,
        now,
        original or {ENGINE_CONFIG: ENGINE},
        TEMPLATE,
        last=last or now,
        plan_text=f'{{"format": 1, "revision": {number}}}',
        engine=engine or {},
        bls={"charter_revision": str(number), "tokenizer_dir": "/t"},
        in_files=in_files,
        decoupled=False,
    )


def test_a_first_push_installs_charter_bls_and_leaves_the_engine_alone() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    assert set(first.changed) == {*TEMPLATE, BLS_PLAN}
    assert first.loads == ("charter_bls",)
    assert first.parameters("charter_bls")["charter_revision"] == "1"


def test_a_retention_push_changes_only_the_plan_and_its_number() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    assert set(release(2, first.files).changed) == {BLS_PLAN, BLS_CONFIG}


def test_an_engine_setting_reloads_the_engine_before_charter_bls() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    second = release(2, first.files, engine={"kv_cache_free_gpu_mem_fraction": "0.5"})
    assert second.loads == ("tensorrt_llm", "charter_bls")
    assert second.parameters("tensorrt_llm")["kv_cache_free_gpu_mem_fraction"] == "0.5"


def test_a_setting_left_out_goes_back_to_what_was_there_first() -> None:
    second = release(2, {ENGINE_CONFIG: ENGINE}, engine={"kv_cache_free_gpu_mem_fraction": "0.5"})
    third = release(3, second.files)
    assert third.parameters("tensorrt_llm")["kv_cache_free_gpu_mem_fraction"] == "0.9"


def test_a_setting_somebody_else_changed_since_is_kept() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    theirs = edit_parameters(ENGINE.decode(), {"kv_cache_host_memory_bytes": "1000"}, "x").encode()
    second = release(2, {**first.files, ENGINE_CONFIG: theirs}, last=first.files)
    assert second.parameters("tensorrt_llm")["kv_cache_host_memory_bytes"] == "1000"


def test_without_files_the_plan_travels_as_a_parameter() -> None:
    installed = release(1, {ENGINE_CONFIG: ENGINE}).files
    now = {path: installed[path] for path in (ENGINE_CONFIG, BLS_CONFIG)}
    remote = release(2, now, in_files=False)
    assert [path for path in remote.changed if path != BLS_PLAN] == [BLS_CONFIG]
    assert '"revision": 2' in remote.parameters("charter_bls")["charter_plan"]


def test_an_earlier_revision_comes_back_under_a_new_number() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    again = release_of(
        5, release(2, first.files).files, restamped(first.files, Stamp(5, "id", "r"))
    )
    assert again.parameters("charter_bls")["charter_revision"] == "5"
    plan = again.files[BLS_PLAN]
    assert plan is not None and b'"revision": 5' in plan


def test_going_back_to_before_charter_bls_removes_and_unloads_it() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    gone = release_of(
        2, first.files, {path: None if path != ENGINE_CONFIG else ENGINE for path in first.files}
    )
    assert (gone.loads, gone.unloads) == ((), ("charter_bls",))


def test_settings_are_spelled_as_both_backends_read_them() -> None:
    settings = ServerSettings(
        enable_kv_cache_reuse=True, kv_cache_free_gpu_mem_fraction=0.25, tokens_per_block=64
    )
    assert engine_parameters(settings, "/engines/b") == {
        "enable_kv_cache_reuse": "true",
        "kv_cache_free_gpu_mem_fraction": "0.25",
        "gpt_model_path": "/engines/b",
    }


def test_editing_a_parameter_keeps_comments_and_everything_else() -> None:
    text = (
        '# ours\nname: "m"\nparameters: {\n  key: "a"\n  value: {\n'
        '    string_value: "1" # why\n  }\n}\n'
    )
    edited = edit_parameters(text, {"a": 'two "2"', "b": "3"}, "m")
    assert edited.startswith("# ours\n") and "# why" in edited
    assert parameters_of(parse_config(edited, "m")) == {"a": 'two "2"', "b": "3"}


def test_removing_a_parameter_prints_the_configuration_anew() -> None:
    text = 'name: "m"\nparameters { key: "a" value { string_value: "1" } }\n'
    assert parameters_of(parse_config(edit_parameters(text, {"a": None}, "m"), "m")) == {}


def test_an_installed_charter_bls_learns_the_inputs_of_a_newer_one_and_keeps_the_rest() -> None:
    first = release(1, {ENGINE_CONFIG: ENGINE})
    older = (
        (first.files[BLS_CONFIG] or b"")
        .decode()
        .replace('{ name: "charter_session"', '{ name: "theirs"')
    )
    second = release(2, {**first.files, BLS_CONFIG: ("# kept\n" + older).encode()})
    text = (second.files[BLS_CONFIG] or b"").decode()
    names = [item.name for item in parse_config(text, "x").input]
    assert text.startswith("# kept") and "theirs" in names and names.count("charter_session") == 1


def test_what_the_release_takes_anyway_is_not_written() -> None:
    unset = edit_parameters(
        ENGINE.decode(),
        {"batch_scheduler_policy": "${batch_scheduler_policy}", "enable_kv_cache_reuse": "True"},
        "m",
    ).encode()
    first = plan_release(
        1,
        {ENGINE_CONFIG: unset},
        {ENGINE_CONFIG: unset},
        TEMPLATE,
        last={ENGINE_CONFIG: unset},
        plan_text="{}",
        engine={
            "batch_scheduler_policy": "guaranteed_no_evict",
            "enable_kv_cache_reuse": "true",
            "kv_cache_free_gpu_mem_fraction": "0.90",
        },
        bls={},
        in_files=True,
        decoupled=False,
        defaults={"batch_scheduler_policy": "guaranteed_no_evict"},
    )
    assert first.files[ENGINE_CONFIG] == unset
    assert first.loads == ("charter_bls",)


def test_a_rollback_over_somebody_elses_edit_takes_back_only_what_plans_decide() -> None:
    pushed = release(
        1, {ENGINE_CONFIG: ENGINE}, engine={"kv_cache_free_gpu_mem_fraction": "0.5"}
    ).files[ENGINE_CONFIG]
    assert pushed is not None
    edited = b"# theirs\n" + pushed
    assert engine_config_back(pushed, pushed, ENGINE) == ENGINE
    back = engine_config_back(edited, pushed, ENGINE)
    assert back is not None and back.startswith(b"# theirs\n")
    assert parameters_in(back, "m") == parameters_in(ENGINE, "m")
