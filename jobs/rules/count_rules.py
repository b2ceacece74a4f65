"""What each rule did to a generation's lists, counted from the finished files.

`items` and `lists` say what a rule could touch: the items on sale that it is about,
and the lists that it holds for. `places` says what it did touch, as far as the lists
show it; the key `counted` says what that is:

- "kept out": items kept out of the candidates, summed over lists. How many of them
  would have been in a list is not known without ranking a second time.
- "boosted places": places in lists that hold an item of the rule. Some would be there
  without it.
- "lists at the limit": lists whose first places hold as many of one kind as allowed. In
  some of them nothing had to give way.
- "pinned": lists that have the item at its place as a pin.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.reranking.limits import Limit
from jobs.rules.list_rules import AppliedRule, ListRules
from jobs.rules.rule_set import RuleSet
from reco_contracts.artifacts import Layout
from reco_contracts.columns import LIST_ITEMS, LIST_REASONS
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.reasons import Reason

_COUNTED: Final = {"boost": "boosted places", "limit": "lists at the limit", "pin": "pinned"}
_KEPT_OUT: Final = "kept out"
_BATCH_LISTS: Final = 20_000

Items = npt.NDArray[np.int32]


def count_rules(path: Path, surface: str, rules: ListRules) -> list[dict[str, Any]]:
    """Count what rules did to the lists of one surface.

    Args:
        path: the list file.
        surface: its surface.
        rules: that its lists were made with, users in the file's order; without users one audience reads all lists.

    Returns:
        A row a rule that holds for some list: `rule`, `kind`, `surface`, `items`, `lists`, `places`, `counted`.
    """
    shown = [rule for rule in rules.applied if rule.kind in _COUNTED]
    places = {rule.name: 0 for rule in shown}
    sizes = np.zeros(len(rules.allowed), dtype=np.int64)
    limits = {limit.name: limit for limit in rules.limits}
    for start, items, pinned in _batches(path):
        audiences = rules.audiences[start : start + len(items)] if len(rules.audiences) else np.zeros(len(items), int)
        sizes += np.bincount(audiences, minlength=len(sizes))
        for rule in shown:
            mine = items[rule.counts[audiences] > 0]
            places[rule.name] += _places(rule, mine, pinned[rule.counts[audiences] > 0], limits.get(rule.name))
    rows = []
    for rule in rules.applied:
        asked = rule.counts > 0
        kept_out = int((rule.counts * sizes).sum())
        rows.append(
            {
                "rule": rule.name,
                "kind": rule.kind,
                "surface": surface,
                "items": int(rule.items.sum()),
                "lists": int(sizes[asked].sum()),
                "places": places.get(rule.name, kept_out),
                "counted": _COUNTED.get(rule.kind, _KEPT_OUT),
            }
        )
    return [row for row in rows if row["lists"]]


def save_report(path: Path, rules: RuleSet, rows: list[dict[str, Any]]) -> None:
    """Write what rules did beside their lists.

    Args:
        path: `rules.json` of the generation.
        rules: of the generation.
        rows: of `count_rules`, of all surfaces.
    """
    report = {
        "file": rules.file,
        "checksum": rules.checksum,
        "rules_in_file": len(rules.rules),
        "taken_down": list(rules.taken_down),
        "rules": rows,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))


def read_report(layout: Layout, generation: str) -> dict[str, Any]:
    """The account of a generation.

    Raises:
        EmptyPartitionError: there is none: the generation is not there, or was made before there were rules.
    """
    path = layout.rules_report(generation)
    try:
        report: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise EmptyPartitionError(f"{path} is not there; `reco rank` writes it with each generation") from error
    return report


def describe_rule(row: dict[str, Any]) -> str:
    """A row as a sentence.

    Args:
        row: of `count_rules`.
    """
    did = {
        "boosted places": "stand at {places:,} places",
        "lists at the limit": "{places:,} lists are at the limit",
        "pinned": "is pinned in {places:,}",
        _KEPT_OUT: "{places:,} times an item kept out of the candidates",
    }[row["counted"]]
    return f"{row['kind']}, {row['items']:,} items, {row['lists']:,} {row['surface']} lists: {did.format(**row)}"


def _batches(path: Path) -> Iterator[tuple[int, Items, npt.NDArray[np.bool_]]]:
    """Lists as a padded matrix with the number of the first one, and which places are pinned."""
    start = 0
    for batch in pq.ParquetFile(path).iter_batches(_BATCH_LISTS, columns=[LIST_ITEMS, LIST_REASONS]):
        lengths = pc.list_value_length(batch.column(LIST_ITEMS)).to_numpy(zero_copy_only=False)
        used = np.arange(lengths.max(initial=0)) < lengths[:, None]
        items, is_pinned = np.full(used.shape, -1, dtype=np.int32), np.zeros(used.shape, dtype=bool)
        items[used] = batch.column(LIST_ITEMS).flatten().to_numpy(zero_copy_only=False)
        is_pinned[used] = batch.column(LIST_REASONS).flatten().to_numpy(zero_copy_only=False) == Reason.PINNED
        yield start, items, is_pinned
        start += len(items)


def _places(rule: AppliedRule, items: Items, is_pinned: npt.NDArray[np.bool_], limit: Limit | None) -> int:
    if limit is not None:
        return int(_is_at_limit(items[:, : limit.first], limit).sum())
    is_mine = (items >= 0) & rule.items[items]
    return int((is_mine & is_pinned).sum() if rule.kind == "pin" else is_mine.sum())


def _is_at_limit(first: Items, limit: Limit) -> npt.NDArray[np.bool_]:
    """Whether some kind has as many of the first places as it may; bool, shape (n,)."""
    codes = np.where(first >= 0, limit.codes[first], -1)
    same = (codes[:, :, None] == codes[:, None, :]) & (codes[:, :, None] >= 0)
    return np.asarray((same.sum(axis=2) >= limit.most).any(axis=1)) if codes.size else np.zeros(len(codes), dtype=bool)
