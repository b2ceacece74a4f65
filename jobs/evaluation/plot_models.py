"""Plots of an evaluation of all models: each a PNG and an interactive page that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from jobs.evaluation.draw_charts import HEIGHT, WIDTH, model_colour, save_chart, titled
from jobs.evaluation.write_models_page import label_of

Report = Mapping[str, Any]
# What is drawn beside the models for comparison, and always in grey.
TRUTH = "what users chose"
# A label of a model, pixels.
_LABEL_HEIGHT, _LABEL_WIDTH = 15, 115


def plot_report(report: Report, folder: Path) -> list[Path]:
    """Draw every plot of a report, one more accuracy plot each where there is a table of new items.

    Args:
        report: as `evaluate_family` gives it.
        folder: takes NAME.png and NAME.html.

    Returns:
        The PNG files.
    """
    charts = {
        "accuracy-and-coverage": accuracy_and_coverage(report, "all_items"),
        "accuracy-by-activity": accuracy_by_activity(report, "all_items"),
        "popularity-bias": popularity_bias(report, "all_items"),
        "learning-curves": learning_curves(report),
        "search": search_history(report),
    }
    if report["new_items_only"]:
        charts["accuracy-and-coverage-new-items"] = accuracy_and_coverage(report, "new_items_only")
    return [save_chart(chart, folder, name) for name, chart in charts.items()]


def accuracy_and_coverage(report: Report, kind: str) -> alt.LayerChart:
    """A point a model: how right it is, and how much of the catalogue it shows."""
    table, k = report[kind], report["k"]
    rows = [
        {"model": label_of(name), "coverage": metrics["coverage"]["value"], **metrics["ndcg"]}
        for name, metrics in table["models"].items()
    ]
    across = [0.0, 1.25 * max(row["coverage"] for row in rows)]
    lowest, highest = min(row["low"] for row in rows), max(row["high"] for row in rows)
    room = 0.05 * (highest - lowest)
    upward = [max(lowest - room, 0.0), highest + room]
    for row, (height, side) in zip(rows, label_places(rows, across, upward), strict=True):
        row |= {"label": height, "side": side}
    bounded = next(iter(table["models"].values()))["coverage"]["is_bounded_by_users"]
    of_what = "users × k / 4" if bounded else "the available items"
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "coverage:Q",
            title=f"Catalogue coverage, share of {of_what}",
            axis=alt.Axis(format="%"),
            scale=alt.Scale(domain=across, nice=False),
        ),
        color=model_colour([row["model"] for row in rows], legend=False),
        tooltip=["model:N", alt.Tooltip("value:Q", format=".4f"), alt.Tooltip("coverage:Q", format=".1%")],
    )
    scale = alt.Scale(domain=upward, nice=False, zero=False)
    value = alt.Y("value:Q", title=f"NDCG@{k}", scale=scale, axis=alt.Axis(format=".3f"))
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.55).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    points = base.mark_point(filled=True, size=110, opacity=1).encode(y=value)
    names = base.encode(y=alt.Y("label:Q", scale=scale), text="model:N")
    beside = [
        names.transform_filter(alt.datum.side == side).mark_text(align=align, dx=shift, fontSize=12)
        for side, align, shift in (("right", "left", 10), ("left", "right", -10))
    ]
    what = "items new to the user" if kind == "new_items_only" else "all items"
    return titled(
        alt.layer(points, bars, *beside).properties(width=WIDTH, height=HEIGHT),
        f"Accuracy against coverage, {what}",
        f"{_who(report, kind)}; bars are 95 % bootstrap intervals",
    )


def label_places(
    rows: Sequence[Mapping[str, Any]], across: Sequence[float], upward: Sequence[float]
) -> list[tuple[float, str]]:
    """Where labels stand beside their points: on the side without another point, moved down from other labels.

    Args:
        rows: points, with `coverage` and `value`.
        across: domain of the coverage.
        upward: domain of the value.

    Returns:
        Height as a value and side, "left" or "right", in the order of the rows.
    """
    step = _LABEL_HEIGHT * (upward[1] - upward[0]) / HEIGHT
    reach = _LABEL_WIDTH * (across[1] - across[0]) / WIDTH
    places: dict[int, tuple[float, str]] = {}
    for at in sorted(range(len(rows)), key=lambda place: -rows[place]["value"]):
        x, y = rows[at]["coverage"], rows[at]["value"]
        right = [one for one in rows if 0 < one["coverage"] - x < reach and abs(one["value"] - y) < step]
        side = "left" if right and x - across[0] > reach else "right"
        mine = (x - reach, x) if side == "left" else (x, x + reach)
        near = []
        for other, (height, its_side) in places.items():
            its_x = rows[other]["coverage"]
            its = (its_x - reach, its_x) if its_side == "left" else (its_x, its_x + reach)
            if its[0] < mine[1] and mine[0] < its[1]:
                near.append(height - step)
        places[at] = (min([y, *near]), side)
    return [places[at] for at in range(len(rows))]


def accuracy_by_activity(report: Report, kind: str) -> alt.LayerChart:
    """How right each model is for users of little, middle and much history."""
    rows = [
        {
            "model": label_of(name),
            "users with": f"{segment['segment']} ({segment['users']:,} users)",
            **segment["ndcg"][name],
        }
        for segment in report[kind]["segments"]
        for name in report[kind]["models"]
    ]
    segments = list(dict.fromkeys(row["users with"] for row in rows))
    models = [label_of(name) for name in report[kind]["models"]]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "users with:N",
            sort=segments,
            title="Items that users had before the cut, in thirds of the users",
            axis=_flat(),
        ),
        xOffset=alt.XOffset("model:N", sort=models),
        color=model_colour(models),
        tooltip=[
            "model:N",
            "users with:N",
            *(alt.Tooltip(f"{key}:Q", format=".4f") for key in ("value", "low", "high")),
        ],
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y=_ndcg("value", report["k"]))
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(y=_ndcg("low", report["k"]), y2="high:Q")
    return titled(
        alt.layer(bars, points).properties(width=WIDTH, height=HEIGHT),
        "Accuracy by the activity of users",
        f"{_who(report, kind)}; bars are 95 % bootstrap intervals",
    )


def popularity_bias(report: Report, kind: str) -> alt.LayerChart:
    """Which share of all places the most popular items take."""
    curves = report[kind]["exposure"]
    rows = [
        {"model": label_of(name), **point, "is model": name != TRUTH}
        for name, curve in curves.items()
        for point in curve
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "items:Q",
            scale=alt.Scale(type="log"),
            title="Number of items, from the most popular before the cut down (log scale)",
        ),
        y=alt.Y("share:Q", title="Their share of all places in lists", axis=alt.Axis(format="%")),
        tooltip=["model:N", "items:Q", alt.Tooltip("share:Q", format=".1%")],
    )
    colour = model_colour([label_of(name) for name in report[kind]["models"]])
    lines = base.transform_filter("datum['is model']").mark_line(strokeWidth=2).encode(color=colour)
    truth = base.transform_filter("!datum['is model']").mark_line(strokeWidth=2.5, strokeDash=[6, 4], color="#555555")
    return titled(
        alt.layer(lines, truth).properties(width=WIDTH, height=HEIGHT),
        "Exposure by popularity",
        f"{_who(report, kind)}; dashed: {TRUTH} in the test period",
    )


def learning_curves(report: Report) -> alt.LayerChart:
    """What more data brings."""
    rows = [{"model": label_of(name), **point} for name, curve in report["learning"].items() for point in curve]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("share:Q", title="Share of the training interactions, drawn at random", axis=alt.Axis(format="%")),
        y=_ndcg("ndcg", report["k"]),
        color=model_colour([label_of(name) for name in report["all_items"]["models"]]),
        tooltip=["model:N", "interactions:Q", alt.Tooltip("ndcg:Q", format=".4f")],
    )
    return titled(
        alt.layer(base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=50, opacity=1)).properties(
            width=WIDTH, height=HEIGHT
        ),
        "Learning curves",
        f"{_who(report, 'all_items')}; parameters as chosen with all the data",
    )


def search_history(report: Report) -> alt.LayerChart:
    """The best validation score after so many trials."""
    return history_chart(report["trials"], report["k"])


def history_chart(studies: Mapping[str, Sequence[Mapping[str, Any]]], k: int) -> alt.LayerChart:
    """Trials as points, the best so far as a step.

    Args:
        studies: trials by name of model, each with `ndcg`.
        k: length of the lists.
    """
    rows = []
    for name, trials in studies.items():
        best = 0.0
        for number, trial in enumerate(trials, start=1):
            best = max(best, trial["ndcg"])
            rows.append({"model": label_of(name), "trial": number, "ndcg": trial["ndcg"], "best": best})
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "trial:Q",
            title="Trial (the first is the defaults)",
            axis=alt.Axis(tickMinStep=1, format="d"),
            scale=alt.Scale(domainMin=1, nice=False),
        ),
        color=model_colour([label_of(name) for name in studies]),
        tooltip=["model:N", "trial:Q", alt.Tooltip("ndcg:Q", format=".4f"), alt.Tooltip("best:Q", format=".4f")],
    )
    steps = base.mark_line(strokeWidth=2, interpolate="step-after").encode(y=_ndcg("best", k))
    points = base.mark_point(size=35, opacity=0.6).encode(y=_ndcg("ndcg", k))
    return titled(
        alt.layer(points, steps).properties(width=WIDTH, height=HEIGHT),
        "Search of parameters",
        f"NDCG@{k} on validation; points are trials, lines the best so far",
    )


def slices_chart(trials: Sequence[Mapping[str, Any]], name: str, k: int) -> alt.Chart:
    """Each trial's score against each parameter that was varied: what matters spreads, what does not lies level."""
    values = {key: {repr(trial["parameters"].get(key)) for trial in trials} for key in trials[0]["parameters"]}
    varied = [key for key, seen in values.items() if len(seen) > 1] or list(values)[:1]
    rows = [
        {
            "parameter": key,
            "value": str(trial["parameters"][key]),
            "place": _place(trial["parameters"][key]),
            "ndcg": trial["ndcg"],
            "trial": number,
        }
        for number, trial in enumerate(trials, start=1)
        for key in varied
    ]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(size=50, opacity=0.75, filled=True, color="#4c78a8")
        .encode(
            x=alt.X("value:N", title=None, axis=_flat(), sort=alt.EncodingSortField("place", op="min")),
            y=_ndcg("ndcg", k),
            tooltip=["parameter:N", "value:N", "trial:Q", alt.Tooltip("ndcg:Q", format=".4f")],
        )
        .properties(width=150, height=200)
        .facet(column=alt.Column("parameter:N", title=None))
        .resolve_scale(x="independent")
    )
    return titled(chart, f"{label_of(name)}: validation score by parameter", "A point a trial")


def _place(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _who(report: Report, kind: str) -> str:
    return f"{report[kind]['test_users']:,} test users, {report['name']} split"


def _ndcg(field: str, k: int) -> alt.Y:
    return alt.Y(f"{field}:Q", title=f"NDCG@{k}", scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(format=".3f"))


def _flat() -> alt.Axis:
    return alt.Axis(labelAngle=0, labelLimit=220)
