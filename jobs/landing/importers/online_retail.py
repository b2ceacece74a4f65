"""UCI Online Retail II: invoice lines as purchases and returns, items and users derived from them.

Decisions, taken by looking at the data:

- A line of an invoice `C...` or with a negative quantity is a return of so many
  units. A cancelled line with a positive quantity returns nothing.
- A product's stock code is five digits and up to two letters. `DCGS...` and
  `SP1002` are products of a gift shop as their descriptions show. Everything
  else is postage, fees, vouchers, samples, corrections or tests.
- Codes are upper-cased: `79302m` and `79302M` carry the same description, as do
  all of their kind but for typing errors.
- Notes of the stock-keepers ("damages", "?") stand in the description of lines
  with price 0, so titles come from sales alone.
- Lines without a customer are a normal part of this log (till sales): they are
  quarantined, and do not count against the share that refuses a file.
- Times are UK local time without a zone, and are read as UTC.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import polars as pl

from jobs.landing.importers.protocol import Source, require_columns
from jobs.landing.importers.record_files import file_columns, read_records, record_files
from jobs.landing.parse_fields import number, one_line, text
from reco_contracts.errors import ContractError
from reco_contracts.events import EventType, RejectReason

_COLUMNS: Final = {
    "invoice": "Invoice",
    "stock_code": "StockCode",
    "description": "Description",
    "quantity": "Quantity",
    "occurred_at": "InvoiceDate",
    "price": "Price",
    "customer": "Customer ID",
    "country": "Country",
}
_PRODUCT_CODE: Final = r"^(\d{5}[A-Z]{0,2}|DCGS[A-Z0-9]+|SP\d{4})$"
_CURRENCY: Final = "GBP"
_NO_COUNTRY: Final = "Unspecified"


class OnlineRetail:
    """A CSV file with the published columns, or a folder of them."""

    name = "online-retail"
    description = "a CSV file with the columns " + ", ".join(_COLUMNS.values())

    def recognises(self, path: Path) -> bool:
        """Whether the (first) file has the columns."""
        try:
            files = _files(path)
            return bool(files) and {*_COLUMNS.values()} <= {*file_columns(files[0])}
        except ContractError:
            return False

    def sources(self, path: Path, columns: Mapping[str, str]) -> list[Source]:  # noqa: ARG002 - the layout is fixed
        """For each file its lines, then its items and users, dated with its last line."""
        files = _files(path)
        if not files:
            raise ContractError(f"{path} holds no file; expected {self.description}")
        for file in files:
            require_columns(file, self.name, _COLUMNS.values())
        return [source for file in files for source in self._file_sources(file)]

    def _file_sources(self, path: Path) -> list[Source]:
        tables = _Tables(path)
        expected = frozenset({RejectReason.MISSING_USER})
        return [
            Source("events", path, path.name, self.name, partial(_event_frames, path), expected=expected),
            Source("items", path, path.name, self.name, tables.item_frames),
            Source("users", path, path.name, self.name, tables.user_frames),
        ]


def _files(path: Path) -> list[Path]:
    return record_files(path) if path.is_dir() else [path]


def _event_frames(path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    for records in read_records(path, _COLUMNS, chunk_rows):
        yield invoice_lines(records)


def invoice_lines(records: pl.DataFrame) -> pl.DataFrame:
    """Put invoice lines into our words; a record frame in, a record frame of events out."""
    quantity = number(text("quantity"))
    cancelled = pl.col("invoice").str.starts_with("C").fill_null(value=False)
    returned = cancelled | (quantity < 0).fill_null(value=False)
    empty_return = cancelled & (quantity > 0)
    units = pl.when(returned).then(-quantity).otherwise(quantity)
    return records.with_columns(
        user_id=text("customer").str.strip_suffix(".0"),
        item_id=text("stock_code").str.to_uppercase(),
        event_type=pl.when(returned).then(pl.lit(EventType.RETURN.value)).otherwise(pl.lit(EventType.PURCHASE.value)),
        value=pl.coalesce(units.cast(pl.String), "quantity"),
        currency=pl.lit(_CURRENCY),
        source_key=pl.col("invoice"),
    ).with_columns(
        declined=pl.when(~_is_product())
        .then(pl.lit(RejectReason.NOT_A_PRODUCT.value))
        .when(empty_return)
        .then(pl.lit(RejectReason.CANCELLED_WITHOUT_RETURN.value)),
        declined_detail=pl.when(~_is_product())
        .then(pl.format("stock code {}: {}", "stock_code", pl.col("description").fill_null("no description")))
        .otherwise(pl.format("invoice {} is cancelled, but its quantity is {}", "invoice", "quantity")),
    )


def _is_product() -> pl.Expr:
    return pl.col("item_id").str.contains(_PRODUCT_CODE).fill_null(value=False)


class _Tables:
    """Items and users of one file, counted in one pass when they are first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chunk_rows = 0

    def item_frames(self, chunk_rows: int) -> Iterator[pl.DataFrame]:
        """Record frame of the items that were sold: title, last price."""
        self._chunk_rows = chunk_rows
        yield _derived_records(self._counts[0], "item_id", "title", "price")

    def user_frames(self, chunk_rows: int) -> Iterator[pl.DataFrame]:
        """Record frame of the customers: the country of most of their lines as market."""
        self._chunk_rows = chunk_rows
        yield _derived_records(self._counts[1], "user_id", "market")

    @cached_property
    def _counts(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        titles: list[pl.DataFrame] = []
        countries: list[pl.DataFrame] = []
        for records in read_records(self._path, _COLUMNS, self._chunk_rows):
            lines = invoice_lines(records).filter(pl.col("reason").is_null())
            titles = [_count_titles(lines, titles)]
            countries = [_count_countries(lines, countries)]
        return _most_frequent(titles, "item_id", "title"), _most_frequent(countries, "user_id", "market")


def _count_titles(lines: pl.DataFrame, before: list[pl.DataFrame]) -> pl.DataFrame:
    is_purchase = pl.col("event_type") == EventType.PURCHASE.value
    sold = is_purchase & (number(text("price")) > 0) & (number(text("quantity")) > 0) & _is_product()
    sales = lines.filter(sold).select(
        "item_id", "occurred_at", "price", title=one_line(text("description")), lines=pl.lit(1, dtype=pl.Int64)
    )
    last = pl.col("price").sort_by("occurred_at").last()
    return (
        pl.concat([*before, sales], how="diagonal")
        .group_by("item_id", "title")
        .agg(pl.col("occurred_at").max(), last, pl.col("lines").sum())
    )


def _count_countries(lines: pl.DataFrame, before: list[pl.DataFrame]) -> pl.DataFrame:
    country = text("country")
    known = lines.filter(text("user_id").is_not_null()).select(
        "user_id", market=pl.when(country != _NO_COUNTRY).then(country), lines=pl.lit(1, dtype=pl.Int64)
    )
    return pl.concat([*before, known]).group_by("user_id", "market").agg(pl.col("lines").sum())


def _most_frequent(counts: list[pl.DataFrame], key: str, label: str) -> pl.DataFrame:
    """One row a key: the label of most lines; a missing one yields, ties go to the first in the alphabet."""
    ranked = pl.concat(counts).sort(
        key, pl.col(label).is_null(), "lines", label, descending=[False, False, True, False]
    )
    if "price" in ranked.columns:
        ranked = ranked.with_columns(pl.col("price").sort_by("occurred_at").last().over(key))
    return ranked.unique(key, keep="first", maintain_order=True)


def _derived_records(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.String)
    return rows.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"),
        pl.struct(columns).struct.json_encode().alias("raw"),
        nothing.alias("reason"),
        nothing.alias("detail"),
        *columns,
    )
