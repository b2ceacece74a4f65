"""A simulated shop as arrays: its log as a model reads it, its content, and the truth to judge lists by.

No file, no warehouse: twenty shops are drawn, trained on and judged in under a minute.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.landing.landed_schema import polars_schema
from jobs.models.als import AlsModel, AlsParameters
from jobs.ranking.interaction_matrix import Interactions, ItemExposure, make_interactions
from jobs.ranking.item_content import ItemContent, item_content
from jobs.ranking.weigh_events import HISTORY_SCHEMA, weigh_events
from jobs.simulation.shop_catalogue import name_items, shelves
from jobs.simulation.shop_days import ShopDays
from jobs.simulation.shop_lists import liking_of
from jobs.simulation.shop_tastes import TASTE_STRENGTH, ShopSize, Truth, draw_truth
from reco_contracts.columns import DIM_ITEMS
from reco_contracts.settings import InteractionsSection

START = date(2026, 1, 1)
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ArrayShop:
    """A shop, its log and its truth.

    Attributes:
        size: numbers of users, items and days.
        truth: who likes what.
        liking: float64, shape (n_users, n_items), 0..1; what a list is worth is the mean over it.
        items: columns of dim_items that describe them.
        content: the same as words.
        history: weigh_events.HISTORY_SCHEMA, ids as in `user_ids` and `item_ids`.
        user_ids: sorted.
        item_ids: sorted.
    """

    size: ShopSize
    truth: Truth
    liking: Floats
    items: pl.DataFrame
    content: ItemContent
    history: pl.DataFrame
    user_ids: pl.Series
    item_ids: pl.Series

    @property
    def last_day(self) -> date:
        """The last day of the log."""
        return self.size.day(self.size.days - 1)

    def interactions(
        self, history: pl.DataFrame | None = None, as_of: date | None = None, exposure: ItemExposure | None = None
    ) -> Interactions:
        """A history as models read it; the shop's own if none is given."""
        rows, day = self.history if history is None else history, as_of or self.last_day
        return make_interactions(rows, self.user_ids, self.item_ids, day, content=self.content, exposure=exposure)


def draw_shop(
    size: ShopSize,
    silent: npt.NDArray[np.int64] | None = None,
    unseen: npt.NDArray[np.int64] | None = None,
    loathed: npt.NDArray[np.int64] | None = None,
) -> ArrayShop:
    """Draw a shop in which everybody is there from the first day, and nothing leaves.

    Args:
        size: numbers of users, items and days, and the seed.
        silent: users who never come.
        unseen: items that nobody ever looked at.
        loathed: items whose content says the opposite of what they are: whoever likes their shelf does not like them.
    """
    rng = np.random.default_rng(size.seed)
    truth = draw_truth(size, rng)
    vectors, popularity, activity = truth.item_vectors.copy(), truth.popularity.copy(), truth.activity.copy()
    vectors[_some(loathed)] *= -1
    popularity[_some(unseen)] = 0
    activity[_some(silent)] = 0
    truth = replace(
        truth,
        item_vectors=vectors,
        popularity=popularity,
        activity=activity,
        joins_on=np.zeros(size.users, dtype=np.int64),
        arrives_on=np.zeros(size.items, dtype=np.int64),
        leaves_on=np.full(size.items, size.days),
    )
    user_ids = pl.Series("user_id", [f"user-{number:05d}" for number in range(size.users)])
    item_ids = pl.Series("item_id", [f"item-{number:05d}" for number in range(size.items)])
    items = _items(truth, item_ids, rng)
    return ArrayShop(
        size=size,
        truth=truth,
        liking=true_liking(truth),
        items=items,
        content=item_content(items),
        history=_history(size, truth, user_ids, item_ids, rng),
        user_ids=user_ids,
        item_ids=item_ids,
    )


def true_liking(truth: Truth) -> Floats:
    """How much each user likes each item, float64, shape (n_users, n_items), 0..1."""
    return liking_of((truth.user_vectors @ truth.item_vectors.T).astype(np.float64))


def train(data: Interactions, parameters: AlsParameters, seed: int) -> AlsModel:
    """ALS on one thread: the same numbers on every machine with the same libraries."""
    model = AlsModel(parameters, seed=seed, threads=1)
    model.fit(data)
    return model


def first_clicks(shop: ArrayShop, users: Indices, count: int, rng: np.random.Generator) -> Indices:
    """The first items that users click when they look around by themselves.

    An item is looked at by popularity * exp(taste), and a look becomes a click by liking, as in every
    session of the simulated shop.

    Args:
        shop: whose truth it is.
        users: user indices, shape (n,).
        count: distinct items a user.
        rng: the random generator.

    Returns:
        Item indices, shape (n, count), in the order clicked.
    """
    taste = shop.truth.user_vectors[users] @ shop.truth.item_vectors.T
    chances = np.exp(TASTE_STRENGTH * taste) * shop.truth.popularity * (0.15 + 0.45 * shop.liking[users])
    waiting = np.full(chances.shape, np.inf)
    np.divide(rng.standard_exponential(chances.shape), chances, out=waiting, where=chances > 0)
    return np.argsort(waiting, axis=1)[:, :count]


def clicks_history(shop: ArrayShop, users: Indices, clicked: Indices) -> pl.DataFrame:
    """Views with clicks on the day after the log, as rows of a history; what was clicked counts as consumed.

    So neither list holds it: a list that shows again what was just clicked is worth nothing here.
    """
    rules = InteractionsSection()
    rows = len(users) * clicked.shape[1]
    return pl.DataFrame(
        {
            "event_date": [shop.size.day(shop.size.days)] * rows,
            "user_id": shop.user_ids.gather(np.repeat(users, clicked.shape[1])),
            "item_id": shop.item_ids.gather(clicked.ravel()),
            "weight": np.full(rows, rules.view_weight + rules.click_weight),
            "is_consumed": np.ones(rows, dtype=bool),
        },
        schema=HISTORY_SCHEMA,
    )


def _some(rows: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64) if rows is None else rows


def _items(truth: Truth, item_ids: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
    titles, brands = name_items(truth.shelf, rng)
    tree = shelves()
    paths = [list(tree[shelf].path) for shelf in truth.shelf.tolist()]
    columns = {
        "item_id": item_ids,
        "title": titles,
        "categories": paths,
        "brand": brands,
        "diversity_category": [path[1] for path in paths],
    }
    described = pl.DataFrame(columns)
    rest = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in polars_schema(DIM_ITEMS).items() if name not in columns
    ]
    return described.with_columns(rest).select(DIM_ITEMS.column_names)


def _history(
    size: ShopSize, truth: Truth, user_ids: pl.Series, item_ids: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    days = ShopDays(size, truth, np.ones(size.items), np.zeros(size.users, dtype=bool), rng)
    events = pl.concat([frame.with_columns(event_date=pl.lit(day)) for day, frame in days])
    events = events.with_row_index("number").with_columns(
        event_id=pl.col("number").cast(pl.String),
        user_id=user_ids.gather(events["user"]),
        item_id=item_ids.gather(events["item"]),
    )
    occurred = pl.col("event_date").cast(pl.Datetime("us", "UTC")) + pl.duration(milliseconds="at_ms")
    return weigh_events(events.with_columns(occurred_at=occurred), InteractionsSection()).select(*HISTORY_SCHEMA)
