"""The two plots of docs/cold-start.md, as descriptions of charts."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import polars as pl

from benchmarks.cold_start_loop import ARMS
from jobs.evaluation.draw_charts import titled

_FOLDED, _BEST, _POPULAR = "folded in", "best there is", "popular"
_LINES: Final = {_BEST: "#8c8c8c", _FOLDED: "#e45756", _POPULAR: "#4c78a8"}
_KINDS: Final = {"liked": "#2e8b57", "disliked": "#c44e52", "others": "#8c8c8c"}
_KIND_NAMES: Final = {"liked": "new, people like it", "disliked": "new, nobody likes it", "others": "all other items"}


def newcomers_chart(curve: pl.DataFrame, differences: pl.DataFrame, interval: tuple[float, float, float]) -> Any:
    """What a list is worth by the number of clicks, and the paired difference of each shop at three.

    Args:
        curve: `clicks`, `list`, `worth`, `low`, `high`; one row a number of clicks and kind of list.
        differences: `seed` and `difference` at three clicks, one row a shop.
        interval: mean of the differences, and its 95 % interval.
    """
    lines = (_worth_lines(curve) + _line_names(curve)).properties(width=400, height=330)
    chart = alt.hconcat(lines, _difference_dots(differences, interval), spacing=48).resolve_scale(color="independent")
    return titled(
        chart,
        "A newcomer's list after a few clicks, without training",
        f"Mean liking of the first 10 items by the shop's truth; {len(differences)} shops, 200 newcomers each; "
        "bands and bar are 95 % intervals over shops",
    )


def items_chart(rounds: pl.DataFrame, seeds: int) -> Any:
    """Impressions of new items round by round, a panel for each treatment.

    Args:
        rounds: `arm`, `round`, `kind`, `earned`, `low`, `high`, `reserved`; means over shops.
        seeds: shops that were drawn.
    """
    rows = rounds.with_columns(kind=pl.col("kind").replace_strict(_KIND_NAMES)).to_dicts()
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(_KIND_NAMES.values()), range=list(_KINDS.values())),
        legend=alt.Legend(title=None, orient="bottom", symbolType="stroke", symbolStrokeWidth=4, symbolOpacity=1),
    )
    x = alt.X("round:Q", title="round", axis=alt.Axis(values=[1, 3, 5, 7, 9, 11], format="d", grid=False))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=colour)
    y_title = "impressions an item and round"
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=y_title), y2="high:Q")
    earned = base.mark_line(strokeWidth=2.5, interpolate="monotone").encode(y=alt.Y("earned:Q", title=y_title))
    reserved = (
        base.transform_filter("datum.reserved > 0")
        .mark_line(strokeWidth=1.5, strokeDash=[4, 3], opacity=0.8)
        .encode(y=alt.Y("reserved:Q", title=y_title))
    )
    panels = (
        alt.layer(band, reserved, earned)
        .properties(width=300, height=200)
        .facet(
            facet=alt.Facet(
                "arm:N",
                title=None,
                sort=[arm.name for arm in ARMS],
                header=alt.Header(labelFontWeight="bold", labelAnchor="start"),
            ),
            columns=2,
        )
    )
    return titled(
        panels,
        "New items, from their first round on",
        f"Solid: places that the model gave; dashed: reserved places. {seeds} shops, 20 new items each, "
        "bands are 95 % intervals",
    )


def _worth_lines(curve: pl.DataFrame) -> Any:
    base = alt.Chart(alt.Data(values=curve.to_dicts())).encode(
        x=alt.X("clicks:Q", title="items clicked", axis=alt.Axis(values=sorted(set(curve["clicks"])), grid=False)),
        color=_line_colour(),
    )
    y = alt.Y("worth:Q", title="worth of the list (0 to 1)", scale=alt.Scale(domain=[0, 0.85]))
    band = base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", scale=alt.Scale(domain=[0, 0.85])), y2="high:Q")
    line = base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=45, filled=True)).encode(
        y=y, tooltip=["list:N", "clicks:Q", alt.Tooltip("worth:Q", format=".3f")]
    )
    return band + line


def _line_names(curve: pl.DataFrame) -> Any:
    last = curve.filter(pl.col("clicks") == pl.col("clicks").max()).to_dicts()
    return (
        alt.Chart(alt.Data(values=last))
        .mark_text(align="right", dy=-14, fontSize=12, fontWeight="bold")
        .encode(x="clicks:Q", y="worth:Q", text="list:N", color=_line_colour())
    )


def _line_colour() -> alt.Color:
    return alt.Color("list:N", scale=alt.Scale(domain=list(_LINES), range=list(_LINES.values())), legend=None)


def _difference_dots(differences: pl.DataFrame, interval: tuple[float, float, float]) -> Any:
    mean, low, high = interval
    y = alt.Y("difference:Q", title="folded in minus popular, three clicks", scale=alt.Scale(domainMin=0, nice=True))
    size = max(len(differences) - 1, 1)
    rows: Sequence[dict[str, Any]] = [
        row | {"jitter": place / size - 0.5} for place, row in enumerate(differences.sort("seed").to_dicts())
    ]
    across = alt.X("jitter:Q", axis=None, scale=alt.Scale(domain=[-0.65, 1.1]))
    dots = (
        alt.Chart(alt.Data(values=rows))
        .mark_circle(size=55, color=_LINES[_FOLDED], opacity=0.55)
        .encode(x=across, y=y, tooltip=["seed:Q", alt.Tooltip("difference:Q", format=".3f")])
    )
    summary = alt.Data(values=[{"jitter": 0.8, "difference": mean, "low": low, "high": high, "text": f"{mean:+.3f}"}])
    bar = alt.Chart(summary).mark_rule(strokeWidth=3, color="#222222").encode(x=across, y="low:Q", y2="high:Q")
    point = alt.Chart(summary).mark_point(filled=True, size=90, color="#222222", opacity=1).encode(x=across, y=y)
    name = (
        alt.Chart(summary)
        .mark_text(dy=-20, fontSize=12, fontWeight="bold", color="#222222")
        .encode(x=across, y=y, text="text:N")
    )
    return (dots + bar + point + name).properties(width=190, height=330)
