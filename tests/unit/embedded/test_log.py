"""The lines of Triton's log that say what went wrong."""

from pathlib import Path

from charter_engine.embedded.log import error_lines, select_errors

FAILED = (
    "E1121 02:50:33.317858 26515 backend_model.cc:692] "
    '"ERROR: Failed to create instance: plan.json line 1"'
)
LOG = f"""\
W1121 02:50:21.758900 26515 server.cc:251] "Unable to find NVML"
E1121 02:50:21.758900 26515 server.cc:241] "CudaDriverHelper has not been initialized."
I1121 02:50:22.000000 26515 model_lifecycle.cc:473] "loading: charter_bls:1"
{FAILED}
Traceback
  model.py(56): initialize

I1121 02:50:34.000000 26515 server.cc:1] "bye"
{FAILED}
"""


def test_errors_are_quoted_once_with_what_follows_them() -> None:
    assert select_errors(LOG) == [
        "ERROR: Failed to create instance: plan.json line 1",
        "Traceback",
        "  model.py(56): initialize",
    ]


def test_a_traceback_in_a_message_is_left_out() -> None:
    entry = (
        'E1121 02:50:33.317858 1 a.cc:1] "failed: no blocks\\n\\nAt:\\n  model.py(3): '
        'initialize\\n"'
    )
    assert select_errors(entry) == ["failed: no blocks"]


def test_without_errors_the_last_lines_are_quoted() -> None:
    assert select_errors("one\n\ntwo\n") == ["one", "two"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert error_lines(tmp_path / "server.log") == []


def test_only_the_log_from_an_offset_on_is_read(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("old\n" + "new\n")
    assert error_lines(path, offset=4) == ["new"]
