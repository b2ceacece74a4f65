"""MovieLens in its official layout: ratings as events, movies as a snapshot of items."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from jobs.landing.importers.protocol import Source, require_columns
from jobs.landing.importers.record_files import read_records
from reco_contracts.events import EventType

_RATINGS: Final = {"user_id": "userId", "item_id": "movieId", "value": "rating", "occurred_at": "timestamp"}
_MOVIES: Final = {"item_id": "movieId", "title": "title", "categories": "genres"}
_NO_GENRE: Final = "(no genres listed)"


class MovieLens:
    """A folder with `ratings.csv` and `movies.csv`."""

    name = "movielens"
    description = "a folder with ratings.csv and movies.csv"

    def recognises(self, path: Path) -> bool:
        """Whether both files are there."""
        return (path / "ratings.csv").is_file() and (path / "movies.csv").is_file()

    def sources(self, path: Path, columns: Mapping[str, str]) -> list[Source]:  # noqa: ARG002 - the layout is fixed
        """Ratings, then movies, dated with the last rating; stars are the value."""
        ratings, movies = path / "ratings.csv", path / "movies.csv"
        require_columns(ratings, self.name, _RATINGS.values())
        require_columns(movies, self.name, _MOVIES.values())
        return [
            Source("events", ratings, ratings.name, self.name, partial(_rating_frames, ratings)),
            Source("items", movies, movies.name, self.name, partial(_movie_frames, movies)),
        ]


def _rating_frames(path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    for records in read_records(path, _RATINGS, chunk_rows):
        yield records.with_columns(event_type=pl.lit(EventType.RATING.value))


def _movie_frames(path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    genres = pl.col("categories")
    for records in read_records(path, _MOVIES, chunk_rows):
        yield records.with_columns(categories=pl.when(genres != _NO_GENRE).then(genres))
