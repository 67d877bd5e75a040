"""What is typed of a deployment is checked before it is asked anything."""

from pathlib import Path

import pytest

from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import UsageError
from charter_engine.servers.attaching import kept_journal, with_what_is_known


def test_a_folder_without_models_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    options = TritonOptions(url="127.0.0.1:1", repository=tmp_path)
    with pytest.raises(UsageError, match="no model repository") as refused:
        with_what_is_known(options)
    assert str(tmp_path) in refused.value.message
    assert "--model-repository" in refused.value.remedy


def test_a_folder_without_revisions_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no revisions are kept there"):
        kept_journal(tmp_path)
