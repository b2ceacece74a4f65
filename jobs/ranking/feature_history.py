"""Features of users and items as arrays, as of any day of a history.

A model asks for the features of its training rows as of their cut, and for
those of today when it ranks. Both come from the pure functions of the feature
jobs, on the rows that the history holds at that day, through one as-of join.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.features.build_features import feature_timestamp, item_features, user_features
from jobs.features.join_features import COUNTED_EVENTS, ROW_TIMESTAMP, inputs_of_history, join_features
from reco_contracts.columns import ITEM_FEATURES, USER_FEATURES, DType, Table

TOP_CATEGORY: Final = "top_category"
_Floats = npt.NDArray[np.float32]


def numeric_features(view: Table) -> tuple[str, ...]:
    """The columns of a view that are numbers, in order."""
    numbers = (DType.INT32, DType.INT64, DType.FLOAT64)
    return tuple(column.name for column in view.columns if column.dtype in numbers)


@dataclass(frozen=True, slots=True)
class FeatureValues:
    """Features as of one day; NaN where nothing was known yet.

    Attributes:
        users: float32, shape (n_users, number of numeric user features).
        top_categories: int32, shape (n_users,), code as in ItemContent.categories; -1 = none.
        items: float32, shape (n_items, number of numeric item features).
        prices: float32, shape (n_items,); NaN = no price.
    """

    users: _Floats
    top_categories: npt.NDArray[np.int32]
    items: _Floats
    prices: _Floats

    def of_users(self, rows: npt.NDArray[np.int64]) -> "FeatureValues":
        """The same for some users."""
        return replace(self, users=self.users[rows], top_categories=self.top_categories[rows])


@dataclass(frozen=True, slots=True)
class FeatureHistory:
    """A history that can say what was known at its end, or at an earlier cut.

    Attributes:
        rows: columns of fct_interactions, nothing later than `as_of`.
        catalogue: dim_items, sorted by id; row number = item index.
        users: ids; position = user index.
        as_of: the day whose end features are of.
        selected: int64, the users asked for, as positions in `users`; None = all.
    """

    rows: pl.DataFrame
    catalogue: pl.DataFrame
    users: pl.Series
    as_of: date
    selected: npt.NDArray[np.int64] | None = None
    _known: list[FeatureValues] = field(default_factory=list, compare=False, repr=False)

    def of_users(self, rows: npt.NDArray[np.int64]) -> "FeatureHistory":
        """The same history, asked about some users; what has been computed is shared."""
        selected = rows if self.selected is None else self.selected[rows]
        return replace(self, selected=np.asarray(selected, dtype=np.int64))

    def before(self, days: int) -> "FeatureHistory":
        """The history as it was some days earlier."""
        as_of = self.as_of - timedelta(days=days)
        return replace(self, rows=self.rows.filter(pl.col("event_date") <= as_of), as_of=as_of, _known=[])

    def without(
        self,
        users: npt.NDArray[np.int32],
        items: npt.NDArray[np.int32],
        age_days: npt.NDArray[np.int32],
    ) -> "FeatureHistory":
        """The history as if some rows had not happened.

        Args:
            users: int32, user of each row that is taken out, numbered as `of_users` left them.
            items: int32, its item.
            age_days: int32, its age.
        """
        positions = users if self.selected is None else self.selected[users]
        cells = pl.DataFrame(
            {
                "user_id": self.users.gather(positions.astype(np.int64)),
                "item_id": self.catalogue["item_id"].gather(items.astype(np.int64)),
                "age": age_days,
            }
        ).select("user_id", "item_id", (pl.lit(self.as_of) - pl.duration(days=pl.col("age"))).alias("event_date"))
        rows = self.rows.join(cells, on=["user_id", "item_id", "event_date"], how="anti")
        return replace(self, rows=rows, _known=[])

    def inputs(self) -> list[npt.NDArray[np.generic]]:
        """What features depend on besides ids, days and weights, for a fingerprint."""
        counts = [self.rows[name].to_numpy() for name in COUNTED_EVENTS]
        return [*counts, self.rows["rating"].is_not_null().to_numpy(), self._prices()]

    def values(self) -> FeatureValues:
        """Features of the selected users and of all items, computed once a history."""
        if not self._known:
            self._known.append(self._compute())
        everybody = self._known[0]
        return everybody if self.selected is None else everybody.of_users(self.selected)

    def _compute(self) -> FeatureValues:
        inputs = inputs_of_history(self.rows, self.catalogue)
        users = self._joined(self.users, user_features(inputs, self.as_of), USER_FEATURES)
        items = self._joined(self.catalogue["item_id"], item_features(inputs, self.as_of), ITEM_FEATURES)
        return FeatureValues(
            users=_numbers(users, USER_FEATURES),
            top_categories=_category_codes(users[TOP_CATEGORY], self.catalogue["diversity_category"]),
            items=_numbers(items, ITEM_FEATURES),
            prices=self._prices(),
        )

    def _prices(self) -> _Floats:
        return self.catalogue["price"].cast(pl.Float32).fill_null(float("nan")).to_numpy()

    def _joined(self, ids: pl.Series, features: pl.DataFrame, view: Table) -> pl.DataFrame:
        moment = pl.lit(feature_timestamp(self.as_of)).alias(ROW_TIMESTAMP)
        return join_features(ids.alias(view.key[0]).to_frame().with_columns(moment), features, view)


def _numbers(frame: pl.DataFrame, view: Table) -> _Floats:
    numbers = frame.select(pl.col(name).cast(pl.Float32) for name in numeric_features(view))
    return np.ascontiguousarray(numbers.fill_null(float("nan")).to_numpy())


def _category_codes(values: pl.Series, categories: pl.Series) -> npt.NDArray[np.int32]:
    """Codes as item_content gives them: position among the sorted names."""
    names = categories.drop_nulls().unique().sort()
    codes = pl.DataFrame({"name": names, "code": pl.int_range(len(names), dtype=pl.Int32, eager=True)})
    found = pl.DataFrame({"name": values}).join(codes, on="name", how="left", maintain_order="left")
    return found["code"].fill_null(-1).to_numpy().astype(np.int32)
