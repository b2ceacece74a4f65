"""An evaluation report on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from jobs.cli.output import readable

_BEST_TRIALS = 15
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
        _print_live(console, split)
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
    table.add_column("", no_wrap=True, min_width=len("Hit rate@10"))
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


def _print_live(console: Console, split: Mapping[str, Any]) -> None:
    live = split["live"]
    if live is None:
        return
    as_what = f"stands as {live['label']}" if live["label"] else f"cannot be refitted: {live['problem']}"
    console.print(f"live is {live['model_version']}, which {as_what}", highlight=False)


def print_tuning(found: Mapping[str, Any], k: int) -> None:
    """Print the trials of each search, best first, to standard output.

    Args:
        found: as `tune_models.run` gives it.
        k: length of the lists.
    """
    console = Console()
    for name, one in found.items():
        varied = _varied(one["trials"])
        table = Table(
            title=f"{name}: {len(one['trials'])} trials", title_justify="left", title_style="bold", box=SIMPLE
        )
        for heading in (f"NDCG@{k}", f"Recall@{k}", *varied, "trial", "s"):
            table.add_column(heading, justify="right")
        numbered = sorted(enumerate(one["trials"], start=1), key=lambda pair: -pair[1]["ndcg"])
        for number, trial in numbered[:_BEST_TRIALS]:
            values = [readable(trial["parameters"].get(key)) for key in varied]
            seconds = f"{trial['seconds']:.1f}"
            table.add_row(f"{trial['ndcg']:.4f}", f"{trial['recall']:.4f}", *values, str(number), seconds)
        console.print(table)


def print_family(report: Mapping[str, Any]) -> None:
    """Print the tables of an evaluation of all models to standard output.

    Args:
        report: as `evaluate_family.run` gives it.
    """
    from jobs.evaluation.write_models_page import split_line, verdict_lines

    console = Console()
    console.print(split_line(report), highlight=False)
    for kind, what in (("all_items", "all items"), ("new_items_only", "only items new to the user")):
        if report[kind]:
            console.print(_family_table(report[kind], report["k"], what))
            console.print(verdict_lines(report[kind]).replace("**", ""), highlight=False)
    for name, why in report["refused"].items():
        console.print(f"[yellow]{name} is left out[/]: {why}", highlight=False)


def _family_table(table: Mapping[str, Any], k: int, what: str) -> Table:
    title = f"{what}, {table['test_users']:,} test users"
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False, padding=(0, 0))
    shown.add_column("", no_wrap=True, min_width=max(map(len, table["models"])))
    for heading in (f"NDCG@{k}", "against the best", f"Recall@{k}", "coverage"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, metrics in table["models"].items():
        pair = table["pairs"][name].get(table["best"])
        shown.add_row(
            name,
            _with_interval(metrics["ndcg"]),
            _with_interval(pair["ndcg"], "+") if pair else "",
            f"{metrics['recall']['value']:.4f}",
            f"{metrics['coverage']['value']:.3f}",
        )
    return shown


def _varied(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    seen = {key: {repr(trial["parameters"].get(key)) for trial in trials} for key in trials[0]["parameters"]}
    return [key for key, values in seen.items() if len(values) > 1]


def print_comparison(found: Mapping[str, Any]) -> None:
    """Print the metrics of two versions side by side.

    Args:
        found: as `model_versions.compare_versions` gives it.
    """
    first, second = found["versions"]
    table = Table(title_justify="left", box=SIMPLE)
    for heading in ("", first, second, "difference"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for key, label in _METRICS:
        values = [_with_interval(found["models"][version][key]) for version in (first, second)]
        table.add_row(label, *values, _with_interval(found["differences"][second][key], "+"))
    for key in ("novelty", "gini", "cold_share"):
        table.add_row(
            key.replace("_", " ").capitalize(), *(f"{found['models'][one][key]:.3f}" for one in (first, second)), ""
        )
    Console().print(table)
