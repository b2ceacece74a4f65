"""How all plots look, and how they are written: one description, a PNG and a page with its own JavaScript."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import altair as alt

from reco_contracts.artifacts import replace_file

WIDTH: Final = 620
HEIGHT: Final = 380
_FONT: Final = "DejaVu Sans, Verdana, sans-serif"
_PIXELS_PER_INCH: Final = 108
# A model keeps its colour in every plot; the baseline is the quiet one.
_COLOURS: Final = {
    "popularity": "#8c8c8c",
    "item neighbours": "#4c78a8",
    "user neighbours": "#72b7b2",
    "ALS": "#e45756",
    "PureSVD": "#b279a2",
    "spectral filter": "#54a24b",
    "EASE": "#f58518",
    "content": "#9d755d",
    "hybrid": "#111111",
}
_OTHERS: Final = ("#eeca3b", "#d67195", "#439894", "#79706e")


def model_colour(labels: Sequence[str], *, legend: bool = True) -> alt.Color:
    """The colours of models, in the order of the labels."""
    unknown = iter(_OTHERS * len(labels))
    colours = [_COLOURS.get(label) or next(unknown) for label in labels]
    return alt.Color(
        "model:N",
        scale=alt.Scale(domain=list(labels), range=colours),
        legend=alt.Legend(title=None, orient="right", symbolType="circle") if legend else None,
    )


def titled(chart: Any, title: str, subtitle: str) -> Any:
    """A chart with its title, what it is of below it, and the style of all."""
    text = alt.TitleParams(
        text=title,
        subtitle=subtitle,
        anchor="start",
        fontSize=17,
        subtitleFontSize=12,
        subtitleColor="#555555",
        offset=14,
    )
    return (
        chart.properties(title=text, padding={"left": 12, "right": 16, "top": 12, "bottom": 12}, background="white")
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=11,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            gridColor="#e6e6e6",
            domain=False,
        )
        .configure_legend(labelFontSize=12)
        .configure_header(labelFontSize=12)
    )


def save_chart(chart: Any, folder: Path, name: str) -> Path:
    """Write NAME.png and NAME.html.

    Args:
        chart: an Altair chart.
        folder: made where it is missing.
        name: of the files, without an ending.

    Returns:
        The PNG.
    """
    with replace_file(folder / f"{name}.html") as path:
        chart.save(str(path), format="html", inline=True)
    with replace_file(folder / f"{name}.png") as path:
        chart.save(str(path), format="png", ppi=_PIXELS_PER_INCH)
    return folder / f"{name}.png"
