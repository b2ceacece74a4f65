"""The plot of the serving benchmark: latency at a constant arrival rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from jobs.evaluation.draw_charts import HEIGHT, WIDTH, titled


def latency_chart(levels: Sequence[Mapping[str, Any]], capacity: int) -> Any:
    """A curve for each rate: how late the slowest requests are.

    Args:
        levels: rates, each with its `curve` of (share of requests, milliseconds).
        capacity: what the API takes at most, requests a second.
    """
    rows = [
        {
            "slowest": 1 / (1 - share),
            "ms": milliseconds,
            "rate": f"{level['requests_per_second']:,}/s ({level['share_of_capacity']:.0%})",
        }
        for level in levels
        for share, milliseconds in level["curve"]
    ]
    ticks = {10: "90 %", 100: "99 %", 1_000: "99.9 %"}
    names = " : ".join(f"datum.value == {at} ? '{text}'" for at, text in ticks.items()) + " : '50 %'"
    chart = (
        alt.Chart(alt.Data(values=[row for row in rows if row["slowest"] >= 2]))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X(
                "slowest:Q",
                title="share of requests answered",
                scale=alt.Scale(type="log", domain=[2, 1_000]),
                axis=alt.Axis(values=[2, *ticks], labelExpr=names),
            ),
            y=alt.Y("ms:Q", title="answered within, ms", scale=alt.Scale(type="log")),
            color=alt.Color("rate:N", legend=alt.Legend(title="arrivals"), sort=None),
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
    subtitle = f"Home lists with everything on; capacity {capacity:,} requests/s; time counts from when each was due"
    return titled(chart, "Latency at a constant arrival rate", subtitle)
