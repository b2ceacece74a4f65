"""New items in a closed loop: rank, show, click by the truth, train again, a dozen rounds.

Some new items are what their content says, and people who like their shelf like
them; the others look the same on paper, and nobody likes them. A recommender can
only tell them apart by showing them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.cold_start_shop import START, ArrayShop, draw_shop, train, true_liking
from jobs.models.als import AlsParameters
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.ranking.find_new_items import new_items
from jobs.ranking.home_fillers import HomeFillers, PopularOrder
from jobs.ranking.interaction_matrix import Interactions, ItemExposure
from jobs.ranking.make_home_lists import HomeWork, home_lists
from jobs.ranking.ranking_model import ranking_model
from jobs.ranking.save_lists import ListBlock
from jobs.ranking.weigh_events import HISTORY_SCHEMA
from jobs.reranking.item_traits import item_traits
from jobs.rules.list_rules import no_rules
from jobs.simulation.shop_tastes import ShopSize, draw_truth
from reco_contracts.list_settings import DiversitySection, HomeSurface
from reco_contracts.reasons import Reason
from reco_contracts.settings import InteractionsSection

LIST_LENGTH: Final = 20
VISITS: Final = 0.5  # part of the users who come in a round
UNTIL_IMPRESSIONS: Final = 100
# As in the lists of the simulated shop: of a perfect item in the first place, and by place.
_CLICK_RATE: Final = 0.5
_PLACE_EXPONENT: Final = 0.7
_BUY_RATE: Final = 0.3  # of clicks on a perfect item


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of treating new items."""

    name: str
    content_users: float
    new_items_share: float


ARMS: Final = (
    Arm("neither", 0.0, 0.0),
    Arm("content alone", 10.0, 0.0),
    Arm("share alone", 0.0, 0.05),
    Arm("content and share", 10.0, 0.05),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Impressions of one round, in lists of 20 places.

    Attributes:
        seed: of the shop.
        arm: its name.
        round: counted from 1.
        kind: "liked" or "disliked" new items, or "others".
        earned: impressions an item in places that the model gave.
        reserved: impressions an item in places that are kept for new items.
        clicks: clicks an item.
        worth: mean liking of all that was shown, whoever's; the same for all kinds.
    """

    seed: int
    arm: str
    round: int
    kind: str
    earned: float
    reserved: float
    clicks: float
    worth: float


def run_loop(
    seed: int, arm: Arm, rounds: int = 12, users: int = 600, items: int = 320, n_new: int = 20, days: int = 20
) -> list[Shown]:
    """Play one shop.

    Args:
        seed: of the shop, the model, the visits and the clicks; the same for each arm.
        arm: the treatment.
        rounds: times that the model is trained and its lists are shown.
        users: of the shop.
        items: of the shop, new ones among them.
        n_new: new items, half of them liked.
        days: of the log before the first round, in which new items do not occur.
    """
    size = ShopSize(users, items, days, seed, START)
    liked, disliked = _choose_new(size, n_new)
    new = np.concatenate([liked, disliked])
    shop = draw_shop(size, unseen=new, loathed=disliked)
    history, seen, answered = shop.history, np.zeros(items, dtype=np.int64), np.zeros(items, dtype=np.int64)
    rng = np.random.default_rng(seed + 2_000)
    others = np.setdiff1d(np.arange(items), new)
    results = []
    for number in range(1, rounds + 1):
        data = shop.interactions(history, size.day(days + number), ItemExposure(seen, answered))
        lists = _rank(shop, data, arm, np.sort(new[seen[new] < UNTIL_IMPRESSIONS]), f"{seed}|{number}", seed)
        rows = np.flatnonzero(rng.random(users) < VISITS)
        shown, is_reserved = lists.items[rows], np.isin(lists.reasons[rows], (Reason.NEW, Reason.NEW_IN_CATEGORY))
        chance = _CLICK_RATE * shop.liking[rows[:, None], shown] / np.arange(1, LIST_LENGTH + 1) ** _PLACE_EXPONENT
        is_clicked = rng.random(shown.shape) < chance
        is_bought = is_clicked & (rng.random(shown.shape) < _BUY_RATE * shop.liking[rows[:, None], shown])
        seen = seen + np.bincount(shown.ravel(), minlength=items)
        answered = answered + np.bincount(shown[is_clicked], minlength=items)
        worth = float(shop.liking[rows[:, None], shown].mean())
        counts = [np.bincount(shown[mask], minlength=items) for mask in (~is_reserved, is_reserved, is_clicked)]
        for kind, members in (("liked", liked), ("disliked", disliked), ("others", others)):
            results.append(
                Shown(seed, arm.name, number, kind, *(float(count[members].mean()) for count in counts), worth)
            )
        history = pl.concat([history, _answers(shop, rows, shown, is_clicked, is_bought, number)])
    return results


def _choose_new(size: ShopSize, n_new: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Liked and disliked new items: every other one of those that most people would like, by the truth."""
    truth = draw_truth(size, np.random.default_rng(size.seed))
    best = np.argsort(-true_liking(truth).mean(axis=0))[: 4 * n_new : 4]
    return np.sort(best[0::2]), np.sort(best[1::2])


def _rank(
    shop: ArrayShop, data: Interactions, arm: Arm, not_seen_enough: npt.NDArray[np.int64], salt: str, seed: int
) -> ListBlock:
    parameters = AlsParameters(factors=32, regularization=1.0, alpha=1.0, content_users=arm.content_users)
    on_sale = np.ones(shop.size.items, dtype=bool)
    ranking = ranking_model(train(data, parameters, seed), shop.item_ids, shop.item_ids, on_sale)
    rules = HomeSurface(new_items_share=arm.new_items_share, k=LIST_LENGTH)
    new = new_items(
        ranking, shop.item_ids, shop.item_ids, not_seen_enough.astype(np.int32), shop.user_ids, data, rules, salt
    )
    scores = popularity_scores(data, window_days=0)
    fillers = HomeFillers(PopularOrder(popularity_order(scores), scores), {}, new)
    work = HomeWork(
        ranking=ranking,
        users=shop.user_ids,
        model_data=data,
        data=data,
        fillers=fillers,
        traits=item_traits(shop.items),
        rules=no_rules(len(shop.user_ids), on_sale),
        surface=rules,
        diversity=DiversitySection(method="none", min_categories=0),
    )
    blocks = list(home_lists(work))
    return ListBlock(
        shop.user_ids.to_list(), *(np.concatenate([block[part] for block in blocks]) for part in range(1, 5))
    )


def _answers(
    shop: ArrayShop,
    rows: npt.NDArray[np.int64],
    shown: npt.NDArray[np.int32],
    is_clicked: npt.NDArray[np.bool_],
    is_bought: npt.NDArray[np.bool_],
    number: int,
) -> pl.DataFrame:
    at, place = np.nonzero(is_clicked)
    rules = InteractionsSection()
    bought = is_bought[at, place]
    return pl.DataFrame(
        {
            "event_date": [shop.size.day(shop.size.days + number)] * len(at),
            "user_id": shop.user_ids.gather(rows[at]),
            "item_id": shop.item_ids.gather(shown[at, place]),
            "weight": rules.view_weight + rules.click_weight + rules.purchase_weight * bought,
            # What was clicked has been dealt with; it is not shown again.
            "is_consumed": np.ones(len(at), dtype=bool),
        },
        schema=HISTORY_SCHEMA,
    )
