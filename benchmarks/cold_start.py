"""Newcomers and new items against the truth of simulated shops: the figures of docs/cold-start.md.

`python -m benchmarks.cold_start` (`make cold-start`) draws shops, prints the tables, and replaces
docs/images/cold-start/*.png and the tables of docs/cold-start.md; benchmarks/results/cold_start.json
holds every number, benchmarks/results/cold-start/ the interactive pages.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import polars as pl

from benchmarks.cold_start_loop import ARMS, run_loop
from benchmarks.cold_start_newcomers import paired_interval, worth_of_lists
from benchmarks.report import RESULTS, write_report
from jobs.evaluation.draw_charts import save_chart
from jobs.progress import progress_bar

DOCS: Final = Path(__file__).parents[1] / "docs"
CLICKS: Final = (0, 1, 2, 3, 5, 8)
_SHOWN_ROUNDS: Final = (1, 2, 4, 8, 12)


def main() -> None:
    """Draw, judge, print, plot."""
    arguments = _arguments()
    began = perf_counter()
    worth = newcomer_rows(range(1, arguments.newcomer_shops + 1))
    rounds = item_rows(range(1, arguments.item_shops + 1))
    curve, differences, interval = newcomer_figures(worth)
    shown = item_figures(rounds)
    rows = [*_newcomer_table(curve)]
    write_report(
        "cold_start",
        rows,
        {"newcomer_shops": arguments.newcomer_shops, "item_shops": arguments.item_shops},
        difference_at_3_clicks=dict(zip(("mean", "low", "high"), map(float, interval), strict=True)),
        seconds=round(perf_counter() - began, 1),
        newcomers=worth.to_dicts(),
        items=shown.to_dicts(),
    )
    replace_tables(DOCS / "cold-start.md", {"newcomers": _markdown(rows), "items": _markdown(_item_table(shown))})
    if not arguments.no_plots:
        draw(curve, differences, interval, shown, arguments.item_shops)


def newcomer_rows(seeds: Sequence[int]) -> pl.DataFrame:
    """What lists are worth, a row for each shop and number of clicks."""
    rows: list[dict[str, Any]] = []
    with progress_bar("Newcomers of shops", len(seeds)) as advance:
        for seed in seeds:
            rows += [asdict(one) for one in worth_of_lists(seed, CLICKS)]
            advance()
    return pl.DataFrame(rows)


def item_rows(seeds: Sequence[int]) -> pl.DataFrame:
    """What became of new items, a row for each shop, treatment, round and kind of item."""
    rows: list[dict[str, Any]] = []
    with progress_bar("New items of shops", len(seeds) * len(ARMS)) as advance:
        for seed in seeds:
            for arm in ARMS:
                rows += [asdict(one) for one in run_loop(seed, arm)]
                advance()
    return pl.DataFrame(rows)


def newcomer_figures(worth: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, tuple[float, float, float]]:
    """Means over shops with intervals, each shop's difference at three clicks, and the interval of that."""
    names = {"folded_in": "folded in", "popular": "popular", "best": "best there is"}
    rows = []
    for clicks in CLICKS:
        of_clicks = worth.filter(pl.col("clicks") == clicks)
        for column, name in names.items():
            mean, low, high = paired_interval(of_clicks[column].to_numpy())
            rows.append({"clicks": clicks, "list": name, "worth": mean, "low": low, "high": high})
        mean, low, high = paired_interval((of_clicks["folded_in"] - of_clicks["popular"]).to_numpy())
        rows.append({"clicks": clicks, "list": "difference", "worth": mean, "low": low, "high": high})
    three = worth.filter(pl.col("clicks") == 3)
    differences = three.select("seed", difference=pl.col("folded_in") - pl.col("popular"))
    return pl.DataFrame(rows), differences, paired_interval(differences["difference"].to_numpy())


def item_figures(rounds: pl.DataFrame) -> pl.DataFrame:
    """Means over shops with intervals."""
    rows = []
    for (arm, number, kind), part in rounds.group_by("arm", "round", "kind", maintain_order=True):
        mean, low, high = paired_interval(part["earned"].to_numpy())
        means = {name: float(np.mean(part[name].to_numpy())) for name in ("reserved", "clicks", "worth")}
        rows.append(
            {"arm": arm, "round": number, "kind": kind, "earned": mean, "low": max(low, 0), "high": high} | means
        )
    return pl.DataFrame(rows)


def draw(
    curve: pl.DataFrame,
    differences: pl.DataFrame,
    interval: tuple[float, float, float],
    shown: pl.DataFrame,
    item_shops: int,
) -> None:
    """Write both plots."""
    from benchmarks.cold_start_plots import items_chart, newcomers_chart

    images = DOCS / "images" / "cold-start"
    images.mkdir(parents=True, exist_ok=True)
    lines = curve.filter(pl.col("list") != "difference")
    charts = {
        "newcomers": newcomers_chart(lines, differences, interval),
        "new-items": items_chart(shown, item_shops),
    }
    for name, chart in charts.items():
        shutil.copyfile(save_chart(chart, RESULTS / "cold-start", name), images / f"{name}.png")


def replace_tables(page: Path, tables: dict[str, str]) -> None:
    """Put tables between the page's marks `<!-- NAME -->` and `<!-- end -->`."""
    text = page.read_text()
    for name, table in tables.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = before + mark + table + rest[rest.index("<!-- end -->") :]
    page.write_text(text)


def _newcomer_table(curve: pl.DataFrame) -> list[dict[str, Any]]:
    cells = {(row["clicks"], row["list"]): row for row in curve.to_dicts()}
    return [
        {
            "items clicked": clicks,
            "popular": f"{cells[clicks, 'popular']['worth']:.3f}",
            "folded in": f"{cells[clicks, 'folded in']['worth']:.3f}",
            "difference [95 %]": "{worth:+.3f} [{low:+.3f}, {high:+.3f}]".format(**cells[clicks, "difference"]),
            "best there is": f"{cells[clicks, 'best there is']['worth']:.3f}",
        }
        for clicks in CLICKS
    ]


def _item_table(shown: pl.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for arm in ARMS:
        for kind in ("liked", "disliked"):
            part = shown.filter(pl.col("arm") == arm.name, pl.col("kind") == kind)
            earned = {number: f"{value:.1f}" for number, value in part.select("round", "earned").iter_rows()}
            rows.append(
                {"new items get": arm.name, "people": "like them" if kind == "liked" else "do not"}
                | {f"round {number}": earned[number] for number in _SHOWN_ROUNDS}
                | {"reserved, all rounds": f"{part['reserved'].sum():.0f}"}
            )
    return rows


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--newcomer-shops", type=int, default=20, choices=(5, 10, 20), help="shops with newcomers")
    parser.add_argument("--item-shops", type=int, default=10, choices=(5, 10, 20), help="shops with new items")
    parser.add_argument("--no-plots", action="store_true", help="tables only")
    return parser.parse_args()


if __name__ == "__main__":
    main()
