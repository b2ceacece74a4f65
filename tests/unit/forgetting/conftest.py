"""A data folder with a log of three users, one of whom will be erased."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.forgetting.tombstone_file import add_tombstones
from jobs.landing.import_log import run_import
from reco_contracts.settings import Settings, load_settings
from reco_contracts.tombstones import erasure_key, tombstone

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "user_id,item_id,event_type,value,occurred_at,request_id"
# Lines 2 to 9; the second day is hers alone, and of her lines two are rejected, one of which cannot be read.
LOG = (
    "ann,i1,click,,2026-02-01T10:00:00Z,list-ann-1",
    "bob,i1,click,,2026-02-01T10:01:00Z,list-bob-1",
    "ann,i2,purchase,1,2026-02-02T10:00:00Z,",
    "ann,i2,blink,,2026-02-01T11:00:00Z,",
    "bob,i2,blink,,2026-02-01T11:00:00Z,",
    "x,ann,too,many,fields,in,this,line,i1",
    "anna,i1,view,3,2026-02-03T10:00:00Z,",
    "bob,ann,view,3,2026-02-03T10:00:00Z,",
)
NEEDLE = "ann"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data folder is empty."""
    return load_settings(paths={"data": str(tmp_path / "data")}, erasure={"key": "the key of these tests"})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log as CSV, outside the data folder."""
    path = tmp_path / "log.csv"
    path.write_text("\n".join((HEADER, *LOG, "")))
    return path


@pytest.fixture
def land(settings: Settings) -> Callable[[Path], dict[str, Any]]:
    """Import a log at noon of 2026-03-01."""
    return lambda path: run_import(path, "events", {}, settings, NOW)


@pytest.fixture
def bury(settings: Settings) -> Callable[..., None]:
    """Leave tombstones of users."""

    def run(*users: str) -> None:
        key = erasure_key(settings.layout, settings.erasure.key)
        add_tombstones(settings, {tombstone(key, user): None for user in users}, NOW)

    return run
