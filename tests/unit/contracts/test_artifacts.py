"""A file or folder at rest is complete or absent."""

from datetime import date
from pathlib import Path

import pytest

from reco_contracts.artifacts import (
    Layout,
    complete_versions,
    new_folder,
    next_generation,
    published_generations,
    read_model_manifest,
    record_publication,
    released_model,
    replace_file,
    set_released_model,
)
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.manifests import GenerationManifest, decode_generation_manifest


def _write_then_fail(path: Path) -> None:
    path.write_text("half")
    raise InterruptedError("killed while writing")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(InterruptedError), replace_file(target) as path:
        _write_then_fail(path)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_reader_with_the_old_file_open_keeps_its_data(tmp_path: Path) -> None:
    target = tmp_path / "table"
    target.write_text("old")
    with target.open() as reader:
        with replace_file(target) as path:
            path.write_text("new")
        assert (reader.read(), target.read_text()) == ("old", "new")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "als-20260131-001"
    with pytest.raises(InterruptedError), new_folder(target) as folder:
        _write_then_fail(folder / "factors.npy")
    assert list(tmp_path.iterdir()) == []
    with new_folder(target) as folder:
        (folder / "manifest.json").write_text("{}")
        assert not target.exists()
    assert complete_versions(tmp_path) == ["als-20260131-001"]


def test_a_finished_folder_is_never_changed(tmp_path: Path) -> None:
    with new_folder(tmp_path / "v1"):
        pass
    with pytest.raises(ContractError, match="use a new name"), new_folder(tmp_path / "v1"):
        pass


def test_a_date_run_again_gets_the_next_generation(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    names = []
    for _ in range(3):
        names.append(next_generation(layout, date(2026, 1, 31)))
        with new_folder(layout.lists / names[-1]):
            pass
    assert names == ["20260131-001", "20260131-002", "20260131-003"]


def test_an_unfinished_folder_is_no_version(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / ".v2.abc").mkdir()
    (tmp_path / ".v2.abc" / "manifest.json").write_text("{}")
    assert complete_versions(tmp_path) == []


def test_the_released_model_is_remembered_and_a_missing_one_is_named(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert released_model(layout) is None
    set_released_model(layout, "als-20260131-001")
    assert released_model(layout) == "als-20260131-001"
    with pytest.raises(EmptyPartitionError, match="als-20260131-001"):
        read_model_manifest(layout, "als-20260131-001")


def test_a_generation_is_published_once_and_counts_while_its_lists_are_there(tmp_path: Path) -> None:
    """Refused lists are complete and never went live; the first time of going live stays."""
    layout = Layout(tmp_path)
    for name in ("20260131-001", "20260131-002"):
        with new_folder(layout.lists / name) as folder:
            (folder / "manifest.json").write_text("{}")
    for generation, created_at in (("20260131-002", "first"), ("20260131-002", "second"), ("20260130-001", "first")):
        record_publication(layout, GenerationManifest(
            generation=generation, run_date="2026-01-31", model_version="m", created_at=created_at, codec_version=1,
            n_items=1, catalogue_chunks=1, popular_windows_days=(), surfaces={},
        ))  # fmt: skip
    assert published_generations(layout) == ["20260131-002"]
    assert decode_generation_manifest(layout.publication("20260131-002").read_bytes()).created_at == "first"
