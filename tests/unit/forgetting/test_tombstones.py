"""A tombstone knows its user again and tells nobody who it was."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from jobs.forgetting.tombstone_file import add_tombstones, read_forgotten, read_tombstones, settle_tombstones
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.settings import Settings, load_settings
from reco_contracts.tombstones import erasure_key, key_mark, tombstone

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"k" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data folder is empty, without a key."""
    return load_settings(paths={"data": str(tmp_path / "data")})


def test_the_same_id_has_the_same_tombstone_and_another_key_gives_another_one() -> None:
    assert tombstone(KEY, "żółć") == tombstone(KEY, "żółć")
    assert len({tombstone(KEY, "a"), tombstone(KEY, "b"), tombstone(b"x" * 32, "a")}) == 3
    assert key_mark(KEY) != key_mark(b"x" * 32)
    assert KEY.hex() not in key_mark(KEY)


def test_the_key_is_made_once_and_only_its_owner_can_read_it(settings: Settings) -> None:
    layout = settings.layout
    first = erasure_key(layout, None)
    assert erasure_key(layout, None) == first
    assert len(first) == 32
    assert stat.S_IMODE(layout.erasure_key.stat().st_mode) == 0o600
    assert [path.name for path in layout.erasure_key.parent.iterdir()] == ["key"]


def test_a_damaged_key_is_refused_and_not_replaced(settings: Settings) -> None:
    layout = settings.layout
    erasure_key(layout, None)
    layout.erasure_key.write_text("nonsense\n")
    with pytest.raises(ConfigError, match="restore it"):
        erasure_key(layout, None)


def test_a_key_that_cannot_be_read_is_told_with_what_to_do(settings: Settings) -> None:
    settings.layout.erasure_key.mkdir(parents=True)
    with pytest.raises(ConfigError, match="RECO_ERASURE__KEY"):
        erasure_key(settings.layout, None)


def test_tombstones_of_another_key_are_refused(settings: Settings) -> None:
    key = erasure_key(settings.layout, None)
    add_tombstones(settings, {tombstone(key, "ann"): "ann"}, NOW)
    assert "ann" in read_forgotten(settings)
    other = load_settings(paths={"data": str(settings.layout.root)}, erasure={"key": "another key of 16 chars"})
    with pytest.raises(ConfigError, match="another key"):
        read_forgotten(other)
    with pytest.raises(ConfigError, match="another key"):
        add_tombstones(other, {"abc": None}, NOW)


def test_a_configured_key_needs_no_file(settings: Settings) -> None:
    chosen = load_settings(paths={"data": str(settings.layout.root)}, erasure={"key": "a key of 16 letters"})
    key = erasure_key(chosen.layout, chosen.erasure.key)
    add_tombstones(chosen, {tombstone(key, "ann"): None}, NOW)
    assert read_forgotten(chosen).among(["bob", "ann"]) == ["ann"]
    assert not chosen.layout.erasure_key.exists()
    assert "16 letters" not in repr(chosen)


def test_nobody_was_erased_in_a_new_folder_and_no_key_is_made(settings: Settings) -> None:
    assert len(read_forgotten(settings)) == 0
    assert not settings.layout.erasure_key.exists()


def test_a_tombstone_is_pending_until_it_is_settled_and_again_when_it_is_asked_for(settings: Settings) -> None:
    add_tombstones(settings, {"a": "ann", "b": "bob"}, NOW)
    settle_tombstones(settings.layout, ["a"], NOW)
    words = settings.layout.tombstones.read_text()
    assert ("bob" in words, "ann" in words) == (True, False), "an id stands there as long as it is needed"
    later = NOW + timedelta(days=1)
    assert add_tombstones(settings, dict.fromkeys("ac"), later) == ["c"], "a is erased already"
    found = read_tombstones(settings.layout)
    assert found is not None
    assert found.pending == ["b", "c"]
    add_tombstones(settings, {"a": None}, NOW, again=True)
    found = read_tombstones(settings.layout)
    assert found is not None
    assert found.pending == ["a", "b", "c"]


def test_the_rows_of_a_column_are_judged_and_null_is_nobody(settings: Settings) -> None:
    key = erasure_key(settings.layout, None)
    add_tombstones(settings, {tombstone(key, "ann"): "ann"}, NOW)
    rows = pl.DataFrame({"user_id": ["ann", None, "anna", "ann"]})
    assert rows.select(read_forgotten(settings).holds("user_id")).to_series().to_list() == [True, False, False, True]


def test_a_damaged_file_of_tombstones_is_told(settings: Settings) -> None:
    settings.layout.tombstones.parent.mkdir(parents=True)
    settings.layout.tombstones.write_text("{")
    with pytest.raises(ContractError, match="restore it"):
        read_forgotten(settings)
