"""Which servers a file or a name tells of."""

import os
from pathlib import Path

import pytest

from charter_engine.api.fleet_servers import FoundServers
from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import CharterError, UsageError
from charter_engine.fleet.discovery import Discovery, from_name
from charter_engine.fleet.targets import targets_of

GROUPS = """\
# written by the cluster
- targets: [gpu1:8001, gpu2:8001]
  labels: {repository: models, zone: b}
- targets: ["gpu3:8001", "gpu1:8001"]
"""


def addresses(servers: tuple[TritonOptions, ...]) -> list[str | None]:
    return [server.url for server in servers]


def test_every_target_of_a_discovery_file_is_a_server_once() -> None:
    found = targets_of(GROUPS, "targets.yaml")
    assert [one.triton for one in found] == ["gpu1:8001", "gpu2:8001", "gpu3:8001"]


def test_labels_of_known_names_say_more_of_the_targets() -> None:
    assert targets_of(GROUPS, "targets.yaml")[1].repository == "models"


def test_a_discovery_file_may_be_json() -> None:
    assert targets_of('[{"targets": ["gpu1:8001"]}]', "targets.json")[0].triton == "gpu1:8001"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- targets: [gpu1]\n", r"t\.yaml: the target gpu1 is not of the form HOST:PORT"),
        ("- targets: gpu1:8001\n", r"t\.yaml: Expected `array`"),
        ("- targets: [\n", r"t\.yaml: neither YAML nor JSON"),
    ],
)
def test_what_is_wrong_with_a_discovery_file_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        targets_of(text, "t.yaml")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("- targets: [gpu1:8001]\n")
    discovery = Discovery(str(file))
    assert [one.triton for one in discovery.entries()] == ["gpu1:8001"]
    replaced = tmp_path / "new"
    replaced.write_text("- targets: [gpu2:8001]\n")
    replaced.replace(file)
    assert [one.triton for one in discovery.entries()] == ["gpu2:8001"]


def test_a_file_that_breaks_later_leaves_the_servers_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text("- targets: [gpu1:8001]\n")
    discovery = Discovery(str(file))
    discovery.entries()
    os.truncate(file, 3)
    assert [one.triton for one in discovery.entries()] == ["gpu1:8001"]
    assert str(file) in discovery.trouble


def test_a_file_that_was_never_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Discovery(str(tmp_path / "targets.yaml")).entries()


def test_a_name_is_a_server_for_each_address_of_it() -> None:
    found = from_name("tritons:8001", lambda name, port: ["10.0.0.1", "fd00::2"])
    assert [one.triton for one in found] == ["10.0.0.1:8001", "[fd00::2]:8001"]


def test_a_name_without_an_address_is_told_as_not_reached() -> None:
    def nothing(name: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(CharterError, match="tritons has no address") as told:
        from_name("tritons:8001", nothing)
    assert told.value.kind == "unreachable"


def test_paths_in_labels_are_those_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(GROUPS)
    found = FoundServers(str(file), TritonOptions(tls=True)).servers()
    assert (found[0].repository, found[0].tls) == (tmp_path / "models", True)


def test_a_deployment_file_names_servers_by_address_or_with_what_is_their_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "charter.yaml"
    file.write_text(
        "plan: p.yaml\nservers: [gpu1:8001, {triton: 'gpu2:8001', repository: two}]\ntls: true\n"
    )
    found = FoundServers(str(file), TritonOptions()).servers()
    assert addresses(found) == ["gpu1:8001", "gpu2:8001"]
    assert (found[0].repository, found[1].repository, found[1].tls) == (
        None,
        tmp_path / "two",
        True,
    )


def test_a_deployment_file_may_name_a_discovery_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "targets.yaml").write_text(GROUPS)
    file = tmp_path / "charter.yaml"
    file.write_text("plan: p.yaml\ndiscover: targets.yaml\n")
    assert len(FoundServers(str(file), TritonOptions()).servers()) == 3


def test_an_address_is_no_source_of_servers() -> None:
    with pytest.raises(UsageError, match="http://gpu1:8000: an address") as refused:
        FoundServers("http://gpu1:8000", TritonOptions())
    assert "charter-engine profile URL" in refused.value.remedy
