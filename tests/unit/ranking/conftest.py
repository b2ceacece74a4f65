"""The small shop in a data folder of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_shop import GONE, RUN_DATE, exposure_frame, interactions_frame, items_frame, shop_rows, users_frame

from reco_contracts.columns import DIM_ITEMS, DIM_USERS, FCT_INTERACTIONS, FEAT_ITEM_EXPOSURE_DAILY
from reco_contracts.settings import Settings, load_settings

# Content counts where a test is about it.
ALS = {
    "factors": [4],
    "regularization": [0.1, 1.0],
    "alpha": [3.0],
    "half_life_days": [0.0],
    "content_users": [0.0],
}


@dataclass(frozen=True)
class Shop:
    """A data folder with exported marts.

    Attributes:
        settings: whose data folder it is.
        interactions: as exported.
        items: as exported.
    """

    settings: Settings
    interactions: pl.DataFrame
    items: pl.DataFrame


MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeShop:
    """Writes marts and gives settings for them.

    Arguments: interactions, items, users of a snapshot who did nothing, how often items were shown, and
    sections that differ.
    """
    (tmp_path / "reco.toml").write_text("")
    monkeypatch.setenv("RECO_CONFIG", str(tmp_path / "reco.toml"))

    def make(
        rows: list[dict[str, Any]] | None = None,
        items: pl.DataFrame | None = None,
        silent: tuple[str, ...] = (),
        shown: dict[str, int] | None = None,
        **sections: Any,
    ) -> Shop:
        if items is None:
            gone = {GONE: {"available_until": datetime.combine(RUN_DATE, time(9), tzinfo=UTC)}}
            items = items_frame(gone)
        defaults: dict[str, Any] = {
            "evaluate": {"min_warm_users": 20, "bootstrap_samples": 200},
            "train": {"als": ALS},
            # Lists are the model's own unless a test is about what changes them.
            "diversity": {"method": "none", "min_categories": 0},
            "coverage": {"share": 0.0},
            "surfaces": {"home": {"k": 8, "new_items_share": 0.0}, "similar": {"k": 6}, "popular": {"k": 10}},
        }
        settings = load_settings(paths={"data": tmp_path / "data"}, **(defaults | sections))
        shop = Shop(settings, interactions_frame(shop_rows() if rows is None else rows), items)
        people = users_frame(shop.interactions["user_id"].unique().to_list())
        if silent:
            people = users_frame([*people["user_id"], *silent])
        frames = {
            FCT_INTERACTIONS: shop.interactions,
            DIM_ITEMS: shop.items,
            DIM_USERS: people,
            FEAT_ITEM_EXPOSURE_DAILY: exposure_frame(shown or {}),
        }
        for name, frame in ((table.name, frame) for table, frame in frames.items()):
            path = settings.layout.export(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(path)
        return shop

    return make
