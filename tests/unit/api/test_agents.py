"""Opening agents: files and packages, what is wrong with them, and the cache behind them."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.api import compiling
from charter_engine.api.agents import agent_without_errors, open_agent, read_agent
from charter_engine.api.compiling import cache_status, compiled
from charter_engine.contracts.graph import CompileResult, Diagnostic
from charter_engine.errors import UsageError
from charter_engine.prompts.identity import identity_of

HELPER = (
    "from openai import OpenAI\n\n\ndef gpt(prompt):\n"
    "    return OpenAI().chat.completions.create(\n"
    "        model='m', messages=[{'role': 'user', 'content': prompt}])\n"
)
USER = (
    "from desk.helper import gpt\n\n\ndef ask(question):\n    return gpt('Answer: ' + question)\n"
)
ALONE = "def ask(client, q):\n    return client.generate('Answer: ' + q, max_tokens=5)\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_CACHE", str(tmp_path / "cache"))


def write_package(parent: Path) -> Path:
    folder = parent / "desk"
    folder.mkdir(parents=True)
    (folder / "helper.py").write_text(HELPER)
    (folder / "user.py").write_text(USER)
    (folder / "alone.py").write_text(ALONE)
    return folder


def test_a_folder_is_one_agent_of_that_path(tmp_path: Path) -> None:
    folder = write_package(tmp_path)
    agent = open_agent(folder)
    assert agent.compiled.path == str(folder)
    assert {Path(call.path).name for call in agent.compiled.calls} >= {"user.py", "alone.py"}
    assert not agent.diagnostics


def test_a_folder_with_one_file_is_named_by_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "main.py").write_text(ALONE)
    assert open_agent(folder).compiled.path == str(folder)


def test_ids_are_unique_over_the_files_of_a_package(tmp_path: Path) -> None:
    folder = write_package(tmp_path)
    ids = [call.id for call in open_agent(folder).compiled.calls]
    assert len(ids) == len(set(ids))


def test_a_package_imports_itself_by_its_own_name(tmp_path: Path) -> None:
    calls = open_agent(write_package(tmp_path)).compiled.calls
    assert "wrapper" in {call.kind for call in calls if Path(call.path).name == "user.py"}


def test_another_checkout_and_a_relative_path_give_the_same_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = write_package(tmp_path / "a"), write_package(tmp_path / "b")
    here = identity_of(str(first), open_agent(first).compiled.calls)
    assert identity_of(str(second), open_agent(second).compiled.calls) == here
    monkeypatch.chdir(second.parent)
    assert identity_of("desk", open_agent(Path("desk")).compiled.calls) == here


def test_a_folder_is_opened_from_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_package(tmp_path)
    (tmp_path / "desk.inputs.jsonl").write_text('{"q": "why"}\n')
    monkeypatch.chdir(folder)
    agent = open_agent(Path())
    assert agent.usable
    assert agent.inputs
    assert agent.compiled.path == str(folder.resolve())


def test_the_inputs_beside_a_folder_are_read(tmp_path: Path) -> None:
    folder = write_package(tmp_path)
    (tmp_path / "desk.inputs.jsonl").write_text('{"q": "why"}\n')
    assert open_agent(folder).inputs == ({"q": "why"},)


def test_a_broken_file_is_left_out_of_a_package_and_told(tmp_path: Path) -> None:
    folder = write_package(tmp_path)
    whole = agent_without_errors(folder)
    (folder / "broken.py").write_text("x = 1\ndef f(:")
    agent = agent_without_errors(folder)
    assert agent.compiled.calls == whole.compiled.calls
    (told,) = agent.diagnostics
    assert (Path(told.path).name, told.line, told.severity) == ("broken.py", 2, "warning")
    assert "left out" in told.message and told.remedy


@pytest.mark.parametrize("name", ["nowhere", "nowhere.py"])
def test_an_agent_that_is_not_there_has_a_diagnostic(tmp_path: Path, name: str) -> None:
    agent = open_agent(tmp_path / name)
    assert not agent.usable
    assert "no such file" in agent.diagnostics[0].message


def test_a_file_without_calls_has_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert "no LLM calls" in open_agent(tmp_path / "a.py").diagnostics[0].message


def test_a_package_of_which_nothing_else_makes_calls_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "helper.py").write_text("x = 1\n")
    (folder / "broken.py").write_text("x = 1\ndef f(:")
    with pytest.raises(UsageError, match=r"broken\.py:2:\d+: ") as raised:
        agent_without_errors(folder)
    assert raised.value.remedy


def test_what_one_door_compiled_every_other_takes_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_package(tmp_path)
    absolute = open_agent(folder)
    monkeypatch.chdir(tmp_path)
    found = compiled(["desk"])
    assert (found.compiled, found.cached) == (0, 3)
    assert {file.path for file in found.result.files} == {
        "desk/alone.py",
        "desk/helper.py",
        "desk/user.py",
    }
    by_place = {(call.id, call.line) for file in found.result.files for call in file.calls}
    assert by_place == {(call.id, call.line) for call in absolute.compiled.calls}


def test_without_the_cache_nothing_is_kept(tmp_path: Path) -> None:
    folder = write_package(tmp_path)
    assert read_agent(folder, use_cache=False).compiled == read_agent(folder).compiled
    shutil.rmtree(tmp_path / "cache")
    read_agent(folder, use_cache=False)
    assert cache_status().status.results == 0


def test_a_cache_that_cannot_be_used_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CHARTER_CACHE", str(tmp_path / "file" / "cache"))
    agent = read_agent(write_package(tmp_path))
    assert agent.usable
    assert "without the cache" in agent.notes[0].message


def test_a_warning_is_no_reason_to_refuse_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text(ALONE)
    warned = Diagnostic(path="a.py", message="not all of it was looked at", severity="warning")
    found = compiled([str(tmp_path / "a.py")])
    file = replace(found.result.files[0], errors=(warned,))
    monkeypatch.setattr(
        compiling, "compiled", lambda *_, **__: replace(found, result=CompileResult((file,)))
    )
    agent = agent_without_errors(tmp_path / "a.py")
    assert agent.usable
    assert agent.diagnostics == (warned,)


CALLING = (
    "from openai import OpenAI\n\n\ndef work(goal):\n"
    "    return OpenAI().responses.create(model='m', input='Do: ' + goal)\n"
)
RUN = "\n\nif __name__ == '__main__':\n    work('it')\n"


def test_several_entry_points_of_a_package_are_listed(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(CALLING + RUN)
    (told,) = read_agent(tmp_path).diagnostics
    assert "2 entry points: first.py, second.py" in told.message
    assert told.severity == "error"
    assert "second.py" in told.remedy or "first.py" in told.remedy
    with pytest.raises(UsageError, match="2 entry points"):
        agent_without_errors(tmp_path)
    (tmp_path / "second.py").write_text(CALLING)
    assert read_agent(tmp_path).diagnostics == ()


def test_an_entry_point_that_only_imports_is_a_program_with_what_it_imports(
    tmp_path: Path,
) -> None:
    write_package(tmp_path)
    main = "from desk.user import ask\n\nif __name__ == '__main__':\n    print(ask('why'))\n"
    (tmp_path / "main.py").write_text(main)
    calls = open_agent(tmp_path / "main.py").compiled.calls
    assert {Path(call.path).name for call in calls} >= {"user.py", "helper.py"}
    assert "alone.py" not in {Path(call.path).name for call in calls}


def test_tests_and_demonstrations_of_a_programs_modules_are_no_other_entry_points(
    tmp_path: Path,
) -> None:
    folder = write_package(tmp_path)
    (folder / "user.py").write_text(USER + "\n\nif __name__ == '__main__':\n    ask('why')\n")
    (tmp_path / "main.py").write_text("import desk.user\nimport desk.alone\n" + RUN)
    (tmp_path / "test_desk.py").write_text("import desk.alone\n" + RUN)
    agent = read_agent(tmp_path)
    assert agent.diagnostics == ()
    assert {Path(call.path).name for call in agent.compiled.calls} >= {"user.py", "alone.py"}


def test_a_module_of_a_program_is_taken_alone(tmp_path: Path) -> None:
    folder = write_package(tmp_path)
    (folder / "alone.py").write_text("import desk.user\n" + ALONE)
    calls = open_agent(folder / "alone.py").compiled.calls
    assert {Path(call.path).name for call in calls} == {"alone.py"}


def test_a_program_has_one_identity_in_every_checkout(tmp_path: Path) -> None:
    found = []
    for parent in (tmp_path / "a", tmp_path / "b"):
        write_package(parent)
        (parent / "main.py").write_text("from desk.user import ask\n" + RUN)
        agent = open_agent(parent / "main.py").compiled
        found.append(identity_of(agent.path, agent.calls))
    assert found[0] == found[1]
