"""Explanations as a person reads them in a terminal."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.cli.tables import printable
from jobs.explaining.explain_user import ExplainedItem, Explanation, ListedItem
from jobs.explaining.tell_contributors import NamedContributor

# Summands that are shown at either end; those between become one line.
_LARGEST: Final = 15
_SMALLEST: Final = 5
_OF_ONE_SHOWN: Final = 3


def print_explanation(found: Explanation, *, is_whole: bool = False, console: Console | None = None) -> None:
    """Print a list with its reasons, or one item with all that its score is made of.

    Args:
        found: the answer.
        is_whole: show every summand.
        console: None = standard output.
    """
    head = f"user {found.user}: {found.history:,} items in the history"
    made = f"generation {found.generation}, model {found.model_version}"
    parts: list[RenderableType] = [Text(printable(f"{head}, {made}"), style="bold")]
    if not found.is_as_written:
        parts.append(Text("The log or the settings have changed since this list was made; a new one would differ."))
    if found.item is None:
        parts.append(list_table(found.items))
    else:
        parts.extend(item_parts(found.item, is_whole=is_whole))
    (console or Console(highlight=False)).print(Group(*parts))


def list_table(items: Sequence[ListedItem]) -> Table:
    """A list: what, why, and what speaks for it most."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("#", justify="right")
    table.add_column("item", no_wrap=True)
    table.add_column("title", overflow="fold", ratio=3)
    table.add_column("score", justify="right")
    table.add_column("why", overflow="fold", ratio=3)
    table.add_column("what speaks for it", overflow="fold", ratio=4)
    for one in items:
        speaks = "; ".join(_short(part) for part in one.contributors[:_OF_ONE_SHOWN] if part.contribution > 0)
        cells = (str(one.rank), one.item_id, one.title, f"{one.score:.4g}", one.text, speaks or "-")
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def item_parts(item: ExplainedItem, *, is_whole: bool = False) -> list[RenderableType]:
    """One item: where it stands, why, and its score as a sum."""
    name = item.item_id if item.title in (None, item.item_id) else f"{item.title} ({item.item_id})"
    parts: list[RenderableType] = [Text(printable(name), style="bold")]
    if item.listed is not None:
        parts.append(Text(printable(f"Place {item.listed.rank} of the list: {item.listed.text}.")))
    if item.missing is not None:
        parts.append(Text(printable(f"Not in the list: {item.missing.text}.")))
    standing = []
    if item.rank is not None:
        standing.append(f"place {item.rank:,} among all candidates")
    if item.score is not None:
        standing.append(f"score {item.score:.6g}")
    if item.missing is not None and item.missing.last_score is not None:
        standing.append(f"the last item that the model listed has {item.missing.last_score:.6g}")
    if standing:
        parts.append(Text("; ".join(standing).capitalize() + "."))
    if item.contributors:
        parts.append(_sum_table(item.contributors, item.score or 0.0, is_whole=is_whole))
    return parts


def _sum_table(contributors: Sequence[NamedContributor], score: float, *, is_whole: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_footer=True)
    table.add_column("what speaks for it", "sum = score", overflow="fold", ratio=4)
    table.add_column("item", no_wrap=True)
    table.add_column("what was done", overflow="fold", ratio=2)
    table.add_column("last on", no_wrap=True)
    table.add_column("adds", f"{score:+.6f}", justify="right", no_wrap=True)
    table.add_column("share", "100.0 %" if score > 0 else "", justify="right", no_wrap=True)
    # One line more is shorter than a line that says how many are left out.
    left_out = [] if is_whole else contributors[_LARGEST:-_SMALLEST]
    between = left_out if len(left_out) > 1 else []
    shown = contributors[:_LARGEST] if between else contributors
    for part in shown:
        _add_summand(table, part)
    if between:
        adds = sum(part.contribution for part in between)
        rest = f"{len(between):,} between (--all shows them)"
        table.add_row(Text(rest), "", "", "", f"{adds:+.6f}", _percent(adds / score if score > 0 else None))
        for part in contributors[-_SMALLEST:]:
            _add_summand(table, part)
    return table


def _add_summand(table: Table, part: NamedContributor) -> None:
    last = str(part.last) if part.last else ""
    cells = (part.what, part.item_id or "", part.did or "", last, f"{part.contribution:+.6f}", _percent(part.share))
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _short(part: NamedContributor) -> str:
    return f"{part.what} {_percent(part.share)}".strip()


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
