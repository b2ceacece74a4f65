"""The Complete Journey grocery data: purchases, and products with a tree of three levels."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from jobs.landing.importers.protocol import Source, require_columns
from jobs.landing.importers.record_files import file_columns, read_records
from jobs.landing.parse_fields import number
from reco_contracts.errors import ContractError

_EVENTS: Final = {
    "user_id": "user_id",
    "item_id": "item_id",
    "event_type": "event_type",
    "value": "value",
    "occurred_at": "timestamp",
    "sales_value": "sales_value",
    "basket_id": "basket_id",
}
_ITEMS: Final = {
    "item_id": "item_id",
    "title": "title",
    "categories": "categories",
    "brand": "brand",
    "manufacturer_id": "manufacturer_id",
    "package_size": "package_size",
}
_ATTRIBUTES: Final = ("manufacturer_id", "package_size")
_CURRENCY: Final = "USD"


class CompleteJourney:
    """A folder with `interactions.parquet` and `items.parquet`."""

    name = "complete-journey"
    description = "a folder with interactions.parquet (basket_id, sales_value, ...) and items.parquet"

    def recognises(self, path: Path) -> bool:
        """Whether both files are there and the log has baskets."""
        log = path / "interactions.parquet"
        try:
            return (path / "items.parquet").is_file() and log.is_file() and {*_EVENTS.values()} <= {*file_columns(log)}
        except ContractError:
            return False

    def sources(self, path: Path, columns: Mapping[str, str]) -> list[Source]:  # noqa: ARG002 - the layout is fixed
        """Purchases, then products, dated with the last purchase."""
        log, items = path / "interactions.parquet", path / "items.parquet"
        require_columns(log, self.name, _EVENTS.values())
        require_columns(items, self.name, _ITEMS.values())
        return [
            Source("events", log, log.name, self.name, partial(_event_frames, log)),
            Source("items", items, items.name, self.name, partial(_item_frames, items)),
        ]


def _event_frames(path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    units = number(pl.col("value"))
    unit_price = pl.when(units > 0).then(number(pl.col("sales_value")) / units).round(4)
    for records in read_records(path, _EVENTS, chunk_rows):
        yield records.with_columns(
            price=unit_price.cast(pl.String), currency=pl.lit(_CURRENCY), source_key=pl.col("basket_id")
        )


def _item_frames(path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    for records in read_records(path, _ITEMS, chunk_rows):
        yield records.with_columns(attributes=pl.struct(_ATTRIBUTES).struct.json_encode())
