"""`reco simulate`: a shop whose users have known tastes, as event files like everybody else's.

Writes `events/`, `items/` and `users/` in our own contract, and beside them, in
`ground_truth/`, what was drawn: a model can be judged by what is true.
"""

from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from threadpoolctl import threadpool_limits

from jobs.progress import track
from jobs.simulation.shop_catalogue import name_items, shelves
from jobs.simulation.shop_days import CURRENCY, ShopDays
from jobs.simulation.shop_lists import EXPERIMENT, SURFACE, VARIANTS, sees_personal
from jobs.simulation.shop_tastes import ShopSize, Truth, draw_truth, parameters
from reco_contracts.artifacts import new_folder
from reco_contracts.errors import ContractError

__all__ = ["ShopSize", "run"]

_MARKETS: Final = ("DE", "FR", "GB", "NL", "PL")
_SEGMENTS: Final = ("bargain", "classic", "premium")


def run(size: ShopSize, out: Path) -> dict[str, Any]:
    """Write a shop's files; the same size and seed give the same bytes.

    Args:
        size: users, items, days, seed and first day.
        out: folder to make; it may exist if it is empty.

    Returns:
        The summary: counts, dates and the folder.

    Raises:
        ContractError: the folder holds something already.
    """
    if out.is_dir() and not any(out.iterdir()):
        out.rmdir()
    if out.exists():
        raise ContractError(f"{out} holds something already; give --out a new or an empty folder")
    with new_folder(out) as folder, threadpool_limits(1, "blas"):  # one thread: a sum in one order
        counts = _write_shop(size, folder)
    return {"users": size.users, "items": size.items, **counts, "out": out}


def _write_shop(size: ShopSize, folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(size.seed)
    truth = draw_truth(size, rng)
    items, prices = _items(size, truth, rng)
    users = _users(size, truth, rng)
    for name in ("events", "items", "users", "ground_truth"):
        (folder / name).mkdir()
    by_type: Counter[str] = Counter()
    days: list[date] = []
    is_personal = sees_personal(users["user_id"].to_list())
    users = users.with_columns(variant=pl.Series(np.where(is_personal, VARIANTS[1], VARIANTS[0])))
    for day, drawn in track(ShopDays(size, truth, prices, is_personal, rng), "Simulate days", size.days):
        if drawn.height:
            _write_day(drawn, day, users, items, folder / "events" / f"events-{day}.csv")
            by_type.update(dict(drawn.group_by("event_type").len().iter_rows()))
            days.append(day)
    if not days:
        raise ContractError(f"nobody came in {size.days} days; ask for more --users or --days")
    snapshots = [0, *size.change_days()]
    for number in snapshots:
        _write_snapshots(size, number, users, items, folder)
    _write_truth(size, truth, users, items, folder / "ground_truth")
    return {
        "events": by_type.total(),
        "events_by_type": dict(sorted(by_type.items())),
        "snapshots": len(snapshots),
        "first_event_date": days[0],
        "last_event_date": days[-1],
    }


def _items(size: ShopSize, truth: Truth, rng: np.random.Generator) -> tuple[pl.DataFrame, npt.NDArray[np.float64]]:
    tree = shelves()
    titles, brands = name_items(truth.shelf, rng)
    level = rng.lognormal(3.0, 0.6, len(tree))
    prices = np.round(level[truth.shelf] * rng.lognormal(0.0, 0.3, size.items), 2)
    width = len(str(size.items))
    frame = pl.DataFrame(
        {
            "item_id": [f"item-{number:0{width}d}" for number in range(1, size.items + 1)],
            "title": titles,
            "categories": ["|".join(tree[shelf].path) for shelf in truth.shelf.tolist()],
            "available_from": [_midnight(size, day) for day in truth.arrives_on.tolist()],
            "available_until": [_midnight(size, day) if day < size.days else None for day in truth.leaves_on.tolist()],
            "price": prices,
            "brand": brands,
            "arrives_on": truth.arrives_on,
            "leaves_on": truth.leaves_on,
        },
        schema_overrides={"available_until": pl.String},
    )
    return frame, prices


def _users(size: ShopSize, truth: Truth, rng: np.random.Generator) -> pl.DataFrame:
    width = len(str(size.users))
    return pl.DataFrame(
        {
            "user_id": [f"user-{number:0{width}d}" for number in range(1, size.users + 1)],
            "market": rng.choice(_MARKETS, size.users, p=(0.3, 0.2, 0.25, 0.15, 0.1)),
            "segment": rng.choice(_SEGMENTS, size.users),
            "birth_year": np.clip(rng.normal(1985, 13, size.users), 1940, 2007).astype(np.int64),
            "joins_on": truth.joins_on,
        }
    )


def _midnight(size: ShopSize, number: int) -> str:
    return f"{size.day(number)}T00:00:00Z"


def _write_day(drawn: pl.DataFrame, day: date, users: pl.DataFrame, items: pl.DataFrame, path: Path) -> None:
    midnight = datetime.combine(day, time(), UTC)
    at = (pl.lit(midnight) + pl.duration(milliseconds="at_ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    user_id, in_list = users["user_id"].gather(drawn["user"]), pl.col("in_list").fill_null(value=False)
    drawn.select(
        user_id=user_id,
        item_id=items["item_id"].gather(drawn["item"]),
        event_type="event_type",
        value="value",
        occurred_at=at,
        price="price",
        currency=pl.when(pl.col("price").is_not_null()).then(pl.lit(CURRENCY)),
        # One session a user and day, and so one list.
        request_id=pl.when(in_list).then(pl.format("list-{}-{}", pl.lit(str(day)), user_id)),
        surface=pl.when(in_list).then(pl.lit(SURFACE)),
        experiment=pl.when(in_list).then(pl.lit(EXPERIMENT)),
        variant=pl.when(in_list).then(users["variant"].gather(drawn["user"])),
        position="position",
        propensity="propensity",
    ).write_csv(path)


def _write_snapshots(size: ShopSize, number: int, users: pl.DataFrame, items: pl.DataFrame, folder: Path) -> None:
    """What the shop knows on one day: nothing of those who come later, nor of ends that lie ahead."""
    day = size.day(number)
    until = pl.when(pl.col("leaves_on") <= number).then("available_until").alias("available_until")
    known = items.filter(pl.col("arrives_on") <= number).with_columns(until).drop("arrives_on", "leaves_on")
    known.write_csv(folder / "items" / f"items-{day}.csv")
    users.filter(pl.col("joins_on") <= number).drop("joins_on", "variant").write_csv(
        folder / "users" / f"users-{day}.csv"
    )


def _write_truth(size: ShopSize, truth: Truth, users: pl.DataFrame, items: pl.DataFrame, folder: Path) -> None:
    user_truth = users.select("user_id", "joins_on", "variant").with_columns(
        vector=pl.Series(truth.user_vectors.tolist(), dtype=pl.List(pl.Float32)), activity=truth.activity
    )
    item_truth = items.select("item_id", "arrives_on", "leaves_on").with_columns(
        vector=pl.Series(truth.item_vectors.tolist(), dtype=pl.List(pl.Float32)), popularity=truth.popularity
    )
    user_truth.write_parquet(folder / "users.parquet")
    item_truth.write_parquet(folder / "items.parquet")
    manifest = msgspec.json.format(msgspec.json.encode(parameters(size)), indent=2)
    (folder / "manifest.json").write_bytes(manifest + b"\n")
