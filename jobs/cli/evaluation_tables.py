"""An evaluation report on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

_METRICS = (("ndcg", "NDCG"), ("recall", "Recall"), ("hit_rate", "Hit rate"), ("map", "MAP"), ("mrr", "MRR"))
_STYLES = {"beats": "bold green", "tied": "bold yellow", "loses": "bold red", "too few": "bold yellow"}


def print_evaluation(report: Mapping[str, Any]) -> None:
    """Print each split, the chosen parameters and the outcome to standard output.

    Args:
        report: as `evaluate_models.run` gives it.
    """
    console = Console()
    for split in report["splits"]:
        console.print(_split_line(split, report["min_warm_users"]), highlight=False)
        if "models" not in split:
            continue
        console.print(_table(split, report["k"], f"{split['name']} split, {split['warm_users']['test']:,} test users"))
        if "new_items_only" in split:
            only = split["new_items_only"]
            title = f"the same, only items new to the user, {only['test_users']:,} test users"
            console.print(_table(only, report["k"], title))
        for name, parameters in split["chosen"].items():
            text = ", ".join(f"{key} {value}" for key, value in parameters.items())
            tried = len(split["trials"][name])
            console.print(f"{name}: {text} (best of {tried} on validation)", highlight=False)
    for name in ("ndcg", "recall", "interval"):
        console.print(f"[dim]{name}: {report['definitions'][name]}[/]", highlight=False)
    console.print(f"[{_STYLES[report['verdict']]}]{report['sentence']}[/]\n", highlight=False)


def _split_line(split: Mapping[str, Any], least: int) -> str:
    parts = [
        f"{name} {period['first_day']} to {period['last_day']} ({period['interactions']:,} interactions)"
        for name, period in split["periods"].items()
    ]
    users = split["warm_users"]
    line = f"[bold]{split['name']} split[/]: " + "; ".join(parts)
    if split["status"] == "too few":
        line += (
            f"\n  [yellow]too few[/]: {users['validation']} warm users in validation, {users['test']} in test, "
            f"at least {least} are needed"
        )
    return line


def _table(scores: Mapping[str, Any], k: int, title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE)
    table.add_column("")
    for heading in (*scores["models"], "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    for key, label in _METRICS:
        values = [_with_interval(metrics[key]) for metrics in scores["models"].values()]
        table.add_row(f"{label}@{k}", *values, _with_interval(scores["difference"][key], "+"))
    covered = [metrics["coverage"] for metrics in scores["models"].values()]
    of_what = " of users x k / 4" if covered[0]["is_bounded_by_users"] else ""
    table.add_row(f"Coverage{of_what}", *(f"{one['value']:.3f}" for one in covered), "")
    varied = [metrics["diversity"] for metrics in scores["models"].values()]
    table.add_row("Diversity", *("-" if one is None else f"{one:.3f}" for one in varied), "")
    return table


def _with_interval(metric: Mapping[str, float], sign: str = "") -> str:
    low, high = f"{metric['low']:{sign}.4f}", f"{metric['high']:{sign}.4f}"
    return f"{metric['value']:{sign}.4f}\n[dim]\\[{low}, {high}][/]"
