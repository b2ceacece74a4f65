"""Published splits: pairs of user and item in two files, and the same made from one's own log.

A file is Parquet with `user_id` and `item_id` (or `user` and `item`), or text with
lines `user item item ...` as LightGCN has them. An id is a string.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.interaction_matrix import Interactions, index_of
from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ContractError, EmptyPartitionError

_NAMES: Final = (("user_id", "item_id"), ("user", "item"))
_PARQUET: Final = b"PAR1"
_TEST_PERCENT: Final = 20
# A user with fewer items gives nothing to a test part of a fifth.
MIN_ITEMS: Final = 5


class PairFiles(NamedTuple):
    """A split from one's own log.

    Attributes:
        train: columns user_id, item_id; distinct pairs.
        test: as train; no pair of train.
    """

    train: pl.DataFrame
    test: pl.DataFrame


def read_pairs(path: Path) -> pl.DataFrame:
    """The distinct pairs of a file, sorted.

    Returns:
        Strings `user_id` and `item_id`.

    Raises:
        EmptyPartitionError: there is no such file, or no pair in it.
        ContractError: the file has another form.
    """
    if not path.is_file():
        raise EmptyPartitionError(f"{path} is not there; expected Parquet pairs, or lines `user item item ...`")
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
    pairs = (_from_parquet(path) if is_parquet else _from_lines(path)).unique().sort("user_id", "item_id")
    if pairs.is_empty():
        raise EmptyPartitionError(f"{path} holds no pair of user and item")
    return pairs


def pair_interactions(pairs: pl.DataFrame) -> tuple[pl.Series, pl.Series, Interactions]:
    """Pairs as interactions of one weight and no age.

    Args:
        pairs: sorted, distinct.

    Returns:
        Sorted ids of users and of items, and the arrays.
    """
    users, items = pairs["user_id"].unique().sort(), pairs["item_id"].unique().sort()
    user, item = index_of(pairs["user_id"], users), index_of(pairs["item_id"], items)
    return users, items, interactions_of(user, item, len(users), len(items))


def interactions_of(
    user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], n_users: int, n_items: int
) -> Interactions:
    """Cells as interactions, sorted by user and item."""
    order = np.lexsort((item, user))
    n = len(order)
    return Interactions(
        users=user[order],
        items=item[order],
        age_days=np.zeros(n, dtype=np.int32),
        weights=np.ones(n),
        is_consumed=np.ones(n, dtype=bool),
        n_users=n_users,
        n_items=n_items,
    )


def split_pairs(interactions: pl.DataFrame) -> PairFiles:
    """Cut each user's positive items at the last 20 %, by the time of the last positive interaction.

    Args:
        interactions: fct_interactions. Users with fewer than five positive items are left out.
    """
    last = (
        interactions.filter(pl.col("is_positive"))
        .group_by("user_id", "item_id")
        .agg(pl.col("last_occurred_at").max())
        .sort("user_id", "last_occurred_at", "item_id")
    )
    size = pl.len().over("user_id")
    from_end = size - pl.int_range(pl.len()).over("user_id")
    is_test = from_end <= (size * _TEST_PERCENT) // 100
    pairs = last.with_columns(is_test.alias("is_test"), size.alias("size")).filter(pl.col("size") >= MIN_ITEMS)
    if pairs.is_empty():
        raise EmptyPartitionError(f"no user has {MIN_ITEMS} positive items, so there is nothing to split")
    train, test = (
        pairs.filter(pl.col("is_test") == part).select("user_id", "item_id").sort("user_id", "item_id")
        for part in (False, True)
    )
    return PairFiles(train, test)


def write_split(split: PairFiles, folder: Path) -> list[Path]:
    """Write train and test in both forms, and what the numbers of the text files stand for.

    Args:
        split: the pairs.
        folder: made where it is missing; files of the same names are replaced.

    Returns:
        train.txt, test.txt (LightGCN), train.parquet, test.parquet, user_list.txt, item_list.txt.
    """
    both = pl.concat(split)
    users, items = both["user_id"].unique().sort(), both["item_id"].unique().sort()
    texts = {
        "train.txt": _lines(split.train, users, items),
        "test.txt": _lines(split.test, users, items),
        "user_list.txt": _numbered(users),
        "item_list.txt": _numbered(items),
    }
    for name, text in texts.items():
        with replace_file(folder / name) as path:
            path.write_text(text, encoding="utf-8")
    for name, pairs in (("train.parquet", split.train), ("test.parquet", split.test)):
        with replace_file(folder / name) as path:
            pairs.write_parquet(path)
    return [folder / name for name in (*texts, "train.parquet", "test.parquet")]


def _from_parquet(path: Path) -> pl.DataFrame:
    columns = pl.read_parquet_schema(path)
    for user, item in _NAMES:
        if user in columns and item in columns:
            frame = pl.read_parquet(path, columns=[user, item])
            return frame.select(user_id=pl.col(user).cast(pl.String), item_id=pl.col(item).cast(pl.String)).drop_nulls()
    raise ContractError(
        f"{path}: expected the columns user_id and item_id (or user and item), found {', '.join(columns)}"
    )


def _from_lines(path: Path) -> pl.DataFrame:
    users: list[str] = []
    items: list[str] = []
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                user, *row = line.split() or [""]
                users += [user] * len(row)
                items += row
    except UnicodeDecodeError as error:
        raise ContractError(f"{path} is neither Parquet nor text in UTF-8: {error}") from error
    return pl.DataFrame({"user_id": users, "item_id": items}, schema={"user_id": pl.String, "item_id": pl.String})


def _lines(pairs: pl.DataFrame, users: pl.Series, items: pl.Series) -> str:
    numbered = pl.DataFrame({"user": index_of(pairs["user_id"], users), "item": index_of(pairs["item_id"], items)})
    rows = numbered.group_by("user", maintain_order=True).agg("item")
    return "".join(f"{user} {' '.join(map(str, sorted(own)))}\n" for user, own in rows.iter_rows())


def _numbered(ids: pl.Series) -> str:
    return "org_id remap_id\n" + "".join(f"{name} {number}\n" for number, name in enumerate(ids))
