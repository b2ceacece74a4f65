"""Write the landed rows of one file: a Parquet file a date, with bounded memory and few passes."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from reco_contracts.artifacts import replace_file


def write_partitions(
    spilled: list[Path], rows_by_date: Mapping[date, int], folder: Path, name: str, chunk_rows: int
) -> None:
    """Write `folder`/event_date=D/`name`.parquet for every date, and remove what an earlier attempt left.

    Args:
        spilled: Parquet files with `event_date`, each in order of date and line.
        rows_by_date: rows of each date over all files.
        folder: the folder of the kind.
        name: the landed file's name, without its ending.
        chunk_rows: rows held in memory at once.
    """
    for pattern in (f"event_date=*/{name}.parquet", f"event_date=*/.{name}.parquet.*"):
        for stale in folder.glob(pattern):
            stale.unlink()
    rows = pl.scan_parquet(spilled) if spilled else pl.LazyFrame()
    for dates in _date_groups(rows_by_date, chunk_rows):
        chosen = rows.filter(pl.col("event_date").is_between(dates[0], dates[-1]))
        if len(dates) == 1:  # may be larger than memory: stream it
            with replace_file(_partition(folder, dates[0], name)) as path:
                chosen.drop("event_date").sink_parquet(path)
            continue
        for (day,), part in chosen.collect().partition_by("event_date", as_dict=True, include_key=False).items():
            with replace_file(_partition(folder, day, name)) as path:
                part.write_parquet(path)


def _date_groups(rows_by_date: Mapping[date, int], chunk_rows: int) -> Iterator[list[date]]:
    """Neighbouring dates, together at most `chunk_rows` rows; a larger date stands alone."""
    group: list[date] = []
    rows = 0
    for day in sorted(rows_by_date):
        if group and rows + rows_by_date[day] > chunk_rows:
            yield group
            group, rows = [], 0
        group.append(day)
        rows += rows_by_date[day]
    if group:
        yield group


def _partition(folder: Path, day: date, name: str) -> Path:
    return folder / f"event_date={day.isoformat()}" / f"{name}.parquet"
