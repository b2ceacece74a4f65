"""Newcomers of the simulated shop: what a list is worth to them after a few clicks, and how sure that is.

The list is the one that `reco fold-in` makes, from a model that was trained before
the newcomer came; its opponent is the popular list without the same items.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.cold_start_shop import START, ArrayShop, clicks_history, draw_shop, first_clicks, train
from jobs.landing.landed_schema import polars_schema
from jobs.models.als import AlsModel, AlsParameters
from jobs.ranking.fold_in_users import HomeRanking, fold_in_lists
from jobs.ranking.home_fillers import plain_fillers
from jobs.ranking.make_popular_lists import popular_items
from jobs.ranking.ranking_model import ranking_model
from jobs.simulation.shop_tastes import ShopSize
from reco_contracts.columns import DIM_USERS
from reco_contracts.list_settings import CoverageSection, DiversitySection, HomeSurface

LIST_LENGTH: Final = 10
# Two-sided 95 % of Student's t, by degrees of freedom, for the numbers of shops that are drawn.
_T_95: Final = {4: 2.776, 9: 2.262, 19: 2.093}
# Half the default: a shop of a few hundred users has no more in it.
PARAMETERS: Final = AlsParameters(factors=32, regularization=1.0, alpha=1.0, content_users=10.0)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Worth:
    """Mean worth of newcomers' lists in one shop: the mean liking, 0..1, of the first LIST_LENGTH items.

    Attributes:
        seed: of the shop.
        clicks: what each newcomer had clicked.
        folded_in: of the lists of folded-in newcomers.
        popular: of the popular lists, without what was clicked.
        best: of the best lists that there are, without what was clicked.
    """

    seed: int
    clicks: int
    folded_in: float
    popular: float
    best: float


def worth_of_lists(
    seed: int, clicks: tuple[int, ...] = (3,), users: int = 800, items: int = 400, days: int = 30, newcomers: int = 200
) -> list[Worth]:
    """Draw a shop, train on it without the newcomers, let them click, and judge their lists by the truth.

    Args:
        seed: of the shop, the model and the clicks.
        clicks: numbers of clicked items; each newcomer's first ones are the same in all.
        users: of the shop, newcomers among them.
        items: of the shop.
        days: of the log.
        newcomers: users who do not come before the log's end.
    """
    silent = np.arange(users - newcomers, users)
    shop = draw_shop(ShopSize(users, items, days, seed, START), silent=silent)
    model = train(shop.interactions(), PARAMETERS, seed)
    clicked = first_clicks(shop, silent, max(clicks), np.random.default_rng(seed + 1_000))
    home, nobody = _home(shop, model), pl.DataFrame(schema=polars_schema(DIM_USERS))
    results = []
    for count in clicks:
        history = clicks_history(shop, silent, clicked[:, :count])
        blocks = list(fold_in_lists(home, shop.user_ids.gather(silent), history, shop.items, nobody))
        folded = np.concatenate([block.items for block in blocks])
        popular = _popular_lists(home, clicked[:, :count])
        liking = shop.liking[silent]
        results.append(
            Worth(seed, count, _mean(liking, folded), _mean(liking, popular), _best(liking, clicked[:, :count]))
        )
    return results


def paired_interval(differences: Floats) -> tuple[float, float, float]:
    """Mean of differences over shops, and its 95 % interval by Student's t.

    Args:
        differences: one a shop, shape (n,), n one of 5, 10 or 20.
    """
    mean = float(differences.mean())
    half = _T_95[len(differences) - 1] * float(differences.std(ddof=1)) / float(np.sqrt(len(differences)))
    return mean, mean - half, mean + half


def _home(shop: ArrayShop, model: AlsModel) -> HomeRanking:
    on_sale = np.ones(shop.size.items, dtype=bool)
    catalogue = pl.DataFrame({"categories": [[""]] * shop.size.items})
    popular = popular_items(shop.interactions(), catalogue, on_sale, shop.size.days, 100)
    return HomeRanking(
        ranking=ranking_model(model, shop.item_ids, shop.item_ids, on_sale),
        model_items=shop.item_ids,
        item_ids=shop.item_ids,
        fillers=plain_fillers(popular),
        is_available=on_sale,
        surface=HomeSurface(k=LIST_LENGTH),
        diversity=DiversitySection(method="none", min_categories=0),
        coverage=CoverageSection(share=0),
        explored=None,
        run_date=shop.last_day,
    )


def _popular_lists(home: HomeRanking, clicked: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    order = home.fillers.popular.order
    return np.array([order[~np.isin(order, own)][:LIST_LENGTH] for own in clicked])


def _mean(liking: Floats, items: npt.NDArray[np.int32]) -> float:
    return float(np.take_along_axis(liking, items.astype(np.int64), axis=1).mean())


def _best(liking: Floats, clicked: npt.NDArray[np.int64]) -> float:
    left = liking.copy()
    np.put_along_axis(left, clicked, -1, axis=1)
    return float(np.sort(left, axis=1)[:, -LIST_LENGTH:].mean())
