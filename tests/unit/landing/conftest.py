"""A data folder to land into, and what a test wants to know of it afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.landing.import_log import run_import
from reco_contracts.settings import Settings, load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data folder is empty."""
    return load_settings(paths={"data": tmp_path / "data"})


@pytest.fixture
def land(settings: Settings) -> Callable[..., dict[str, Any]]:
    """Import a log at noon of 2026-03-01."""

    def run(path: Path, format_name: str = "auto", now: datetime = NOW, **columns: str) -> dict[str, Any]:
        return run_import(path, format_name, columns, settings, now)

    return run


@pytest.fixture
def landed(settings: Settings) -> Callable[[str], pl.DataFrame]:
    """The landed rows of a kind with their partition date, in order of line; empty if there are none."""

    def read(kind: str = "events") -> pl.DataFrame:
        files = sorted(settings.layout.landing(kind).glob("*/*.parquet"))
        frames = [
            pl.read_parquet(file, hive_partitioning=False).with_columns(
                event_date=pl.lit(file.parent.name.partition("=")[2])
            )
            for file in files
        ]
        return pl.concat(frames).sort("file_sha", "line") if frames else pl.DataFrame()

    return read


@pytest.fixture
def quarantined(settings: Settings) -> Callable[[], pl.DataFrame]:
    """The quarantine, in order of line; empty if there is none."""

    def read() -> pl.DataFrame:
        files = sorted(settings.layout.quarantine.glob("*.parquet"))
        return pl.concat([pl.read_parquet(file) for file in files]).sort("line") if files else pl.DataFrame()

    return read
