"""What is known of items apart from interactions, as sparse counts of words.

A title gives its words; categories, brand, seller and attributes stay whole, each in
its own name space, so that the brand "Blue" is not the colour.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

# What stands between a name and its value; no word of a title holds one.
NAMED = ":="
_WORD = r"[\p{L}\p{N}]{2,}"


@dataclass(frozen=True, slots=True)
class ItemContent:
    """Descriptions of items, and the category that diversity counts.

    Attributes:
        words: CSR float32, shape (n_items, n_words), how often a word describes an item.
        vocabulary: the words, sorted, shape (n_words,).
        categories: int32, shape (n_items,), code of the diversity category; -1 = none.
    """

    words: csr_matrix
    vocabulary: tuple[str, ...]
    categories: npt.NDArray[np.int32]


def item_content(items: pl.DataFrame) -> ItemContent:
    """Describe items by their titles, categories, brand, seller and attributes.

    Args:
        items: columns of dim_items; row number = item index.
    """
    described = items.select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("item"),
        pl.concat_list(
            pl.col("title").fill_null("").str.to_lowercase().str.extract_all(_WORD),
            _named("category", pl.col("categories").fill_null([])),
            _named("brand", pl.concat_list("brand").list.drop_nulls()),
            _named("seller", pl.concat_list("seller").list.drop_nulls()),
            pl.col("attributes").map_elements(attribute_words, return_dtype=pl.List(pl.String)).fill_null([]),
        ).alias("word"),
    )
    counts = described.explode("word").drop_nulls().group_by("item", "word").len().sort("item", "word")
    vocabulary = counts["word"].unique().sort()
    columns = _codes(counts["word"], vocabulary)
    shape = (len(items), len(vocabulary))
    words = csr_matrix((counts["len"].to_numpy().astype(np.float32), (counts["item"].to_numpy(), columns)), shape=shape)
    words.sort_indices()
    category = items["diversity_category"]
    return ItemContent(words, tuple(vocabulary), _codes(category, category.drop_nulls().unique().sort()))


def attribute_words(attributes: str) -> list[str]:
    """A word `key=value` for each attribute that has a plain value, one for each value of a list.

    Args:
        attributes: a JSON object.
    """
    words = []
    for key, value in msgspec.json.decode(attributes).items():
        values = value if isinstance(value, list) else [value]
        words += [f"{key}={one}" for one in values if isinstance(one, str | int | float)]
    return words


def _named(kind: str, values: pl.Expr) -> pl.Expr:
    return values.list.eval(pl.lit(f"{kind}:") + pl.element())


def _codes(values: pl.Series, names: pl.Series) -> npt.NDArray[np.int32]:
    table = pl.DataFrame({"name": names, "code": pl.int_range(len(names), dtype=pl.Int32, eager=True)})
    found = pl.DataFrame({"name": values}).join(table, on="name", how="left", maintain_order="left")
    return found["code"].fill_null(-1).to_numpy().astype(np.int32)
