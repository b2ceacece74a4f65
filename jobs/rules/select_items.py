"""What rules ask of a catalogue, as masks and numbers of its items."""

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.rules.rule_set import Selection, Word

Mask = npt.NDArray[np.bool_]


def selected(what: Selection, items: pl.DataFrame) -> Mask:
    """Items that have any of the names.

    Args:
        what: ids, categories, brands and sellers.
        items: columns of dim_items; row number = item index.

    Returns:
        bool, shape (n_items,).
    """
    found = np.zeros(len(items), dtype=bool)
    for column, words in (("item_id", what.items), ("brand", what.brands), ("seller", what.sellers)):
        if words:
            found |= items[column].is_in(_texts(words)).fill_null(value=False).to_numpy()
    if what.categories:
        has_any = pl.col("categories").list.set_intersection(_texts(what.categories)).list.len() > 0
        found |= items.select(has_any.fill_null(value=False))["categories"].to_numpy()
    return found


def ages_in_days(items: pl.DataFrame, run_date: date) -> npt.NDArray[np.int64]:
    """Days that each item is there at the end of a run date.

    An item comes on the day that it is available from, or else of its first event, or
    else of the latest snapshot. So an item without a date that nobody ever chose stays
    young: each snapshot makes it new again.

    Args:
        items: columns of dim_items.
        run_date: the last day that counts.

    Returns:
        int64, shape (n_items,); 1 on its first day, 0 or less before; 0 where nothing is known of it.
    """
    came = pl.coalesce(pl.col("available_from").dt.date(), "first_seen_date", "snapshot_date")
    days = (pl.lit(run_date) - came).dt.total_days() + 1
    return items.select(days.fill_null(0).alias("days"))["days"].to_numpy().astype(np.int64)


def ratings(items: pl.DataFrame) -> npt.NDArray[np.int32]:
    """The age that each item is for, int32, shape (n_items,); 0 = everybody."""
    return items["min_age"].fill_null(0).to_numpy().astype(np.int32)


def sold_in(items: pl.DataFrame, market: str) -> Mask:
    """Items that may be shown in a market: those that name it, or none.

    Args:
        items: columns of dim_items.
        market: its name.
    """
    named = pl.col("markets").list.contains(market) | (pl.col("markets").list.len() == 0)
    return items.select(named.fill_null(value=True))["markets"].to_numpy()


def _texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]
