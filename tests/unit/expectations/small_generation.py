"""A generation small enough to see through: two users, three surfaces, every list right."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from jobs.landing.landed_schema import polars_schema
from reco_contracts.columns import DIM_ITEMS, DIM_USERS, FCT_INTERACTIONS
from reco_contracts.manifests import GenerationManifest, ListsManifest, ModelManifest, encode_manifest
from reco_contracts.reasons import Reason
from reco_contracts.settings import Settings

RUN_DATE = date(2026, 1, 31)
GENERATION = "20260131-001"
N_ITEMS = 12
# Not on sale, come a week ago, and chosen by nobody.
GONE, YOUNG, UNCHOSEN = 11, 10, 9
LIST_SCHEMA = {
    "subject": pl.String,
    "item_indices": pl.List(pl.Int32),
    "scores": pl.List(pl.Float32),
    "reasons": pl.List(pl.UInt8),
    "seeds": pl.List(pl.Int32),
}

Row = dict[str, Any]


def a_list(subject: str | None, items: list[int], reasons: list[Reason] | None = None, seeds: Any = None) -> Row:
    """One list with falling scores; popular items unless said otherwise."""
    return {
        "subject": subject,
        "item_indices": items,
        "scores": [1.0 - 0.1 * place for place in range(len(items))],
        "reasons": [int(reason) for reason in reasons or [Reason.POPULAR] * len(items)],
        "seeds": seeds or [-1] * len(items),
    }


# u1 bought i0 and looked at i1; u2 bought i0 and looked at i1 to i8.
HOME = [
    a_list("u1", [2, 3, YOUNG], [Reason.BECAUSE_OF_HISTORY, Reason.POPULAR, Reason.NEW], [1, -1, -1]),
    a_list("u2", [4, 1], [Reason.BECAUSE_BOUGHT, Reason.AGAIN], [0, -1]),
]
SIMILAR = [a_list("i0", [1, 2], [Reason.SIMILAR_ITEM, Reason.POPULAR], [0, -1]), a_list("i11", [2])]
POPULAR = [a_list("30|", [1, 2, 3])]
NOTHING: Row = {"item_indices": [], "scores": [], "reasons": [], "seeds": []}
HISTORY = [
    ("u1", "i0", RUN_DATE, True),
    ("u1", "i1", RUN_DATE, False),
    ("u1", "i2", RUN_DATE + timedelta(days=1), True),
    ("u2", "i0", RUN_DATE, True),
    *(("u2", f"i{number}", RUN_DATE, False) for number in range(1, 9)),
    ("u3", "i0", RUN_DATE + timedelta(days=1), True),
]


def days_ago(days: int) -> datetime:
    """Midnight of a day before the run date."""
    return datetime.combine(RUN_DATE - timedelta(days=days), datetime.min.time(), tzinfo=UTC)


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)


def write_history(settings: Settings, rows: list[tuple[str, str, date, bool]]) -> None:
    """Write fct_interactions: user, item, day, whether it was consumed."""
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "event_date", "is_consumed"], orient="row")
    write(frame.with_columns(pl.lit(1.0).alias("weight")), settings.layout.export(FCT_INTERACTIONS.name))


def write_items(settings: Settings, generation: str = GENERATION, n_items: int = N_ITEMS) -> None:
    """Write the catalogue of a generation, two items a category, and dim_items."""
    rows = [
        dict.fromkeys(DIM_ITEMS.column_names)
        | {
            "item_id": f"i{number}",
            "title": f"Item {number}",
            "categories": [f"c{number // 2:02d}"],
            "diversity_category": f"c{number // 2:02d}",
            "available_from": days_ago(7 if number == YOUNG else 400),
            "is_available": number != GONE,
            "available_until": days_ago(1) if number == GONE else None,
        }
        for number in range(n_items)
    ]
    items = pl.DataFrame(rows, schema=polars_schema(DIM_ITEMS))
    write(items, settings.layout.export(DIM_ITEMS.name))
    people = [dict.fromkeys(DIM_USERS.column_names) | {"user_id": user, "market": "north"} for user in ("u1", "u2")]
    write(pl.DataFrame(people, schema=polars_schema(DIM_USERS)), settings.layout.export(DIM_USERS.name))
    catalogue = items.select("item_id", "title", "categories", "diversity_category", "is_available")
    write(catalogue, settings.layout.catalogue_file(generation))


def write_lists(
    settings: Settings,
    lists: dict[str, list[Row]] | None = None,
    generation: str = GENERATION,
    model_version: str = "als-20260131-001",
    **sections: Any,
) -> None:
    """Write list files and the manifest that names them; the good ones unless said otherwise."""
    layout, given = settings.layout, lists or {"home": HOME, "similar": SIMILAR, "popular": POPULAR}
    for surface, rows in given.items():
        write(pl.DataFrame(rows, schema=LIST_SCHEMA), layout.list_file(generation, surface, "default"))
    manifest = ListsManifest(
        generation=generation,
        run_date=f"{generation[:4]}-{generation[4:6]}-{generation[6:8]}",
        model_version=model_version,
        n_items=N_ITEMS,
        popular_windows_days=(30,),
        lists={surface: {"default": len(rows)} for surface, rows in given.items()},
        settings=sections,
    )
    (layout.lists / generation / "manifest.json").write_bytes(encode_manifest(manifest))


def publish(settings: Settings, generation: str, model_version: str = "als-20260131-001") -> None:
    """Record that a generation went live."""
    manifest = GenerationManifest(
        generation=generation,
        run_date=RUN_DATE.isoformat(),
        model_version=model_version,
        created_at="2026-01-31T00:00:00Z",
        codec_version=1,
        n_items=N_ITEMS,
        catalogue_chunks=1,
        popular_windows_days=(30,),
        surfaces={},
    )
    path = settings.layout.publication(generation)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_manifest(manifest))


def write_model(settings: Settings, version: str, **parameters: Any) -> None:
    """Write the manifest of a model."""
    manifest = ModelManifest(
        model_version=version,
        model=version.split("-", maxsplit=1)[0],
        run_date=RUN_DATE.isoformat(),
        parameters=parameters,
        data={},
        metrics={},
        code_version="0",
        seed=1,
    )
    folder = settings.layout.models / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_bytes(encode_manifest(manifest))
