"""What a hybrid is fitted with."""

from typing import Any

import msgspec


class HybridParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the hybrid is fitted with; see [train.hybrid] in reco.toml.

    Attributes:
        components: name in the table of models -> its parameters; the order says whom to ask first for
            neighbours of an item.
        candidates: items that each source may bring for a user.
        ranker: "auto", "lambdarank" or "linear".
        ranker_users: users that the ranker learns from, at most.
        holdout_days: length of the period that it learns to predict.
        trees: of the forest.
        leaves: of a tree.
        learning_rate: share of each tree that counts.
    """

    components: dict[str, dict[str, Any]]
    candidates: int = 100
    ranker: str = "auto"
    ranker_users: int = 2_000
    holdout_days: int = 56
    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.05
