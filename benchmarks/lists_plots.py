"""The plots of docs/lists.md: accuracy against diversity and against coverage."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from jobs.evaluation.draw_charts import HEIGHT, WIDTH, titled

_COLOURS: Final = {
    "limit": "#111111",
    "calibrated": "#54a24b",
    "mmr": "#4c78a8",
    "dpp": "#e45756",
    "coverage alone": "#4c78a8",
    "coverage and diversity": "#54a24b",
    "drawn users": "#8c8c8c",
}
_AIM: Final = 0.05
Point = Mapping[str, Any]


def tradeoff_chart(points: Sequence[Point], across: str, lines: Sequence[str], title: str, who: str) -> alt.LayerChart:
    """Curves of what NDCG is lost against what is won.

    Args:
        points: as `lists_arms.points` gives them; the first one is the model alone.
        across: "diversity" or "coverage".
        lines: which curves.
        title: of the plot.
        who: whose lists, below the title.
    """
    start = points[0]
    rows = [dict(point) for point in points if point["line"] in lines]
    begun = {row["line"] for row in rows if not row["value"]}
    rows += [dict(start) | {"line": line, "value": 0} for line in lines if line not in begun]
    names = {"diversity": "Diversity: distinct categories / length", "coverage": "Coverage of the catalogue"}
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(f"{across}:Q", title=names[across], axis=alt.Axis(format=".0%"), scale=alt.Scale(zero=False)),
        color=alt.Color(
            "line:N",
            scale=alt.Scale(domain=list(lines), range=[_COLOURS[line] for line in lines]),
            legend=alt.Legend(title=None, orient="right", symbolType="circle", symbolOpacity=1),
        ),
        order="value:Q",
        tooltip=["line:N", "value:Q", *(alt.Tooltip(f"{key}:Q", format=".3f") for key in (across, "loss", "ndcg"))],
    )
    lost = alt.Y("loss:Q", title="NDCG@10 lost, share of the model's own", axis=alt.Axis(format=".0%"))
    bars = base.mark_rule(strokeWidth=1.2, opacity=0.3).encode(y=alt.Y("low:Q"), y2="high:Q")
    layers = [bars, base.mark_line(strokeWidth=2).encode(y=lost), base.mark_point(filled=True, size=50).encode(y=lost)]
    values = base.mark_text(dy=-9, fontSize=10).encode(y=lost, text=alt.Text("value:Q")).transform_filter("datum.value")
    aim = alt.Chart(alt.Data(values=[{"loss": _AIM}])).mark_rule(strokeDash=[6, 4], color="#555555").encode(y="loss:Q")
    chosen = [dict(point) for point in points if point["line"] == "defaults"]
    star = (
        alt.Chart(alt.Data(values=chosen))
        .mark_point(shape="diamond", size=170, filled=True, color="#f58518", opacity=1)
        .encode(x=alt.X(f"{across}:Q"), y="loss:Q", tooltip=["line:N", alt.Tooltip("loss:Q", format=".3f")])
    )
    return titled(
        alt.layer(aim, *layers, values, star).properties(width=WIDTH, height=HEIGHT),
        title,
        f"{who}; bars are 95 % paired bootstrap intervals; diamond: the defaults; dashed: 5 %",
    )
