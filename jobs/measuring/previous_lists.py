"""The generation that readers have until now: its lists, and how much of them may change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.measuring.subject_index import SubjectIndex, subject_index
from jobs.ranking.interaction_matrix import index_of
from reco_contracts.artifacts import Layout, published_generations, read_model_manifest, released_model
from reco_contracts.columns import LIST_ITEMS, LIST_SUBJECT
from reco_contracts.errors import RecoError
from reco_contracts.list_settings import ValidateSection
from reco_contracts.manifests import MANIFEST_FILE, ListsManifest, decode_lists_manifest


@dataclass(frozen=True, slots=True)
class OverlapBand:
    """How much of a user's first places may stay from one generation to the next.

    Attributes:
        low: mean share of common items, at least.
        high: the same, at most.
        previous: the generation compared with; None = this is the first one.
        widened: why `low` is that of another model; empty where it is not.
    """

    low: float
    high: float
    previous: str | None
    widened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PreviousLists:
    """The first places of lists of an earlier generation, in item indices of this one.

    Attributes:
        subjects: of the lists.
        items: int32, shape (n, places); -1 pads, and stands for items that are in the catalogue no more.
        lengths: int64, shape (n,), how many of the first places were taken.
    """

    subjects: SubjectIndex
    items: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]


def overlap_band(layout: Layout, manifest: ListsManifest, limits: ValidateSection) -> OverlapBand:
    """Find the previous generation, and what may change since then.

    The band is wider where something was changed on purpose: the model, its parameters,
    business rules, or the settings that lists are made with. The same configuration fitted on another
    day's data is no such change.

    Args:
        layout: where generations and models are.
        manifest: of the generation that is checked.
        limits: [validate].
    """
    previous = _previous(layout, manifest)
    if previous is None:
        return OverlapBand(limits.overlap_low, limits.overlap_high, None)
    changes = (
        *_model_changes(layout, previous, manifest),
        *_settings_changes(previous, manifest),
        *_rule_changes(layout, previous, manifest),
    )
    low = min(limits.overlap_low, limits.overlap_low_new_model) if changes else limits.overlap_low
    return OverlapBand(low, limits.overlap_high, previous.generation, changes)


def previous_lists(path: Path, catalogue: Path, item_ids: pl.Series, places: int) -> PreviousLists | None:
    """Read the first places of each list.

    Args:
        path: a list file of the earlier generation.
        catalogue: of the earlier generation.
        item_ids: of this generation.
        places: so many.

    Returns:
        None where the earlier generation has no such lists.
    """
    if not path.exists() or not catalogue.exists():
        return None
    # Whole lists of a million users are 200 MB, and twice that while they are cut.
    firsts = pl.scan_parquet(path).select(LIST_SUBJECT, pl.col(LIST_ITEMS).list.head(places))
    lists = firsts.collect(engine="streaming").unique(LIST_SUBJECT, maintain_order=True)
    heads = lists[LIST_ITEMS]
    lengths = heads.list.len().to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(lists)), lengths)
    positions = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    now = np.append(index_of(pl.read_parquet(catalogue, columns=["item_id"])["item_id"], item_ids), np.int32(-1))
    items = np.full((len(lists), places), -1, dtype=np.int32)
    items[rows, positions] = now[heads.explode(empty_as_null=False).to_numpy().astype(np.int64)]
    return PreviousLists(subject_index(lists[LIST_SUBJECT]), items, lengths)


def _previous(layout: Layout, manifest: ListsManifest) -> ListsManifest | None:
    """The last one before this that went live; after a rollback, the last of the model that is live again."""
    names = [name for name in published_generations(layout) if name < manifest.generation]
    known = [decode_lists_manifest((layout.lists / name / MANIFEST_FILE).read_bytes()) for name in names]
    released = released_model(layout)
    of_released = [one for one in known if one.model_version == released]
    return next(reversed(of_released or known), None)


def _model_changes(layout: Layout, previous: ListsManifest, now: ListsManifest) -> list[str]:
    if previous.model_version == now.model_version:
        return []
    before, after = _configuration(layout, previous), _configuration(layout, now)
    if before is not None and before == after:
        return []
    what = "cannot be compared with" if before is None or after is None else "is another configuration than"
    return [f"model {now.model_version} {what} {previous.model_version}"]


def _configuration(layout: Layout, lists: ListsManifest) -> tuple[str, dict[str, Any]] | None:
    try:
        model = read_model_manifest(layout, lists.model_version)
    except RecoError:
        return None
    return model.model, model.parameters


def _settings_changes(previous: ListsManifest, now: ListsManifest) -> list[str]:
    names = sorted({*previous.settings, *now.settings})
    return [f"{name} settings have changed" for name in names if previous.settings.get(name) != now.settings.get(name)]


def _rule_changes(layout: Layout, previous: ListsManifest, now: ListsManifest) -> list[str]:
    before, after = (_rules_of(layout, one.generation) for one in (previous, now))
    return [] if before == after else ["business rules have changed"]


def _rules_of(layout: Layout, generation: str) -> bytes:
    """The rules that a generation was made with, as it keeps them; empty where there were none."""
    path = layout.lists / generation / "rules.yml"
    return path.read_bytes() if path.exists() else b""
