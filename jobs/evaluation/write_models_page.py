"""The report of all models as Markdown: tables with intervals, and what they say in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_LABELS = {
    "popularity": "popularity",
    "item_neighbours": "item neighbours",
    "user_neighbours": "user neighbours",
    "als": "ALS",
    "pure_svd": "PureSVD",
    "spectral": "spectral filter",
    "ease": "EASE",
    "content": "content",
    "hybrid": "hybrid",
}


def label_of(name: str) -> str:
    """A model's name for people."""
    return _LABELS.get(name, name.replace("_", " "))


def models_page(report: Mapping[str, Any], plots: Sequence[Path]) -> str:
    """The whole page of one report.

    Args:
        report: as `evaluate_family` gives it.
        plots: PNG files, relative to the page; an interactive one of the same name lies beside each.
    """
    parts = [f"# All models, {report['run_date']}", split_line(report), "## All items", *tables(report, "all_items")]
    if report["new_items_only"]:
        parts += ["## Only items that are new to the user", *tables(report, "new_items_only")]
    parts += ["## Chosen on validation", chosen_table(report)]
    if report["refused"]:
        parts += ["## Not fitted", "\n".join(f"- {label_of(name)}: {why}" for name, why in report["refused"].items())]
    if plots:
        shown = [f"![{path.stem}]({path}) ([interactive]({path.with_suffix('.html')}))" for path in plots]
        parts += ["## Plots", "\n\n".join(shown)]
    parts += ["## What the numbers mean", "\n".join(f"- {key}: {text}" for key, text in report["definitions"].items())]
    return "\n\n".join(parts) + "\n"


def split_line(report: Mapping[str, Any]) -> str:
    """Which users and days the numbers are of."""
    users, periods = report["warm_users"], report["periods"]
    line = (
        f"{report['name']} split; {users['test']:,} test users; training {_days(periods['train'])}, "
        f"validation {_days(periods['validation'])}, test {_days(periods['test'])}."
    )
    for other in report["other_splits"]:
        line += (
            f" The {other['name']} split has {other['warm_users']['test']} warm test users: too few to say anything."
        )
    return line


def tables(report: Mapping[str, Any], kind: str) -> list[str]:
    """The tables of one reading: accuracy, lists, and the sentences of the comparison."""
    table = report[kind]
    return [accuracy_table(table, report["k"], report["baseline"]), lists_table(table), verdict_lines(table)]


def accuracy_table(table: Mapping[str, Any], k: int, baseline: str) -> str:
    """Accuracy with intervals; the best NDCG in bold, and how far from the best and from popularity."""
    head = (f"NDCG@{k}", f"Recall@{k}", f"MAP@{k}", f"MRR@{k}", "hit rate", "against the best", f"against {baseline}")
    rows = []
    for name, metrics in table["models"].items():
        value = _with_interval(metrics["ndcg"], 4)
        cells = [f"**{value}**" if name == table["best"] else value, _with_interval(metrics["recall"], 4)]
        cells += [f"{metrics[key]['value']:.4f}" for key in ("map", "mrr")] + [f"{metrics['hit_rate']['value']:.3f}"]
        cells += [_difference(table, name, table["best"]), _difference(table, name, baseline)]
        rows.append([label_of(name), *cells])
    return markdown_table(("model", *head), rows)


def lists_table(table: Mapping[str, Any]) -> str:
    """What the lists are like apart from being right."""
    first = next(iter(table["models"].values()))["coverage"]
    coverage = "coverage of users × k / 4" if first["is_bounded_by_users"] else "coverage"
    head = ("model", coverage, "distinct categories / length", "novelty, bits", "Gini of exposure", "cold items")
    rows = []
    for name, metrics in table["models"].items():
        varied = metrics["diversity"]
        rows.append(
            [
                label_of(name),
                f"{metrics['coverage']['value']:.3f}",
                "–" if varied is None else f"{varied:.3f}",
                f"{metrics['novelty']:.2f}",
                f"{metrics['gini']:.3f}",
                f"{metrics['cold_share']:.1%}",
            ]
        )
    return markdown_table(head, rows)


def verdict_lines(table: Mapping[str, Any]) -> str:
    """Which model is best, what is tied with it, and what the hybrid is."""
    best, pairs = table["best"], table["pairs"]
    tied = [name for name in pairs if name != best and pairs[name][best]["verdict"] == "tied"]
    text = f"Best: **{label_of(best)}**"
    text += f"; tied with it: {', '.join(map(label_of, tied))}." if tied else "; nothing is tied with it."
    if "hybrid" in pairs and best != "hybrid":
        gap = pairs["hybrid"][best]["ndcg"]
        numbers = f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]"
        text += (
            f" The hybrid is {'tied with' if 'hybrid' in tied else 'NOT as good as'} {label_of(best)}: NDCG {numbers}."
        )
    return text


def chosen_table(report: Mapping[str, Any]) -> str:
    """What each search found, and of how many trials; for new items only what is different there."""
    again = report["chosen_new_items"] or {}
    rows = []
    for name, parameters in report["chosen"].items():
        said = ", ".join(f"{key} {_short(value)}" for key, value in parameters.items())
        other = again.get(name, parameters)
        changes = ", ".join(f"{key} {_short(value)}" for key, value in other.items() if value != parameters.get(key))
        cells = [said, *([changes or "the same"] if again else [])]
        rows.append([label_of(name), *cells, str(len(report["trials"][name])), f"{report['seconds'][name]:.1f}"])
    head = ("model", "parameters", *(["for new items"] if again else []), "best of trials", "fit, s")
    return markdown_table(head, rows)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column to the left, the rest as they are."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _difference(table: Mapping[str, Any], name: str, other: str) -> str:
    if name == other:
        return "–"
    pair = table["pairs"][name][other]
    numbers = f"{pair['ndcg']['value']:+.4f} [{pair['ndcg']['low']:+.4f}, {pair['ndcg']['high']:+.4f}]"
    return f"tied, {numbers}" if pair["verdict"] == "tied" else numbers


def _with_interval(metric: Mapping[str, float], digits: int) -> str:
    return f"{metric['value']:.{digits}f} [{metric['low']:.{digits}f}, {metric['high']:.{digits}f}]"


def _days(period: Mapping[str, Any]) -> str:
    return f"{period['first_day']} to {period['last_day']} ({period['interactions']:,} interactions)"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "as chosen for " + ", ".join(map(label_of, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
