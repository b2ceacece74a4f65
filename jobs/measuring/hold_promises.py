"""Which promises a generation has made, and the figures that are held against them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import polars as pl

from expectations.list_suites import LIST_CHECK_COLUMNS, WHOLE_CHECK_COLUMNS, WholePromises, list_suite
from expectations.run_checks import SuiteRun
from jobs.measuring.measure_generation import MeasuredLists
from jobs.measuring.previous_lists import OverlapBand
from jobs.measuring.surface_demands import ONLY_OF
from jobs.measuring.tally_faults import EXAMPLES
from reco_contracts.list_settings import ValidateSection
from reco_contracts.manifests import ListsManifest
from reco_contracts.surfaces import HOME, SubjectKind

# It shows the same items to everybody, by design.
_UNPERSONAL: Final = "popularity"
_WHOSE: Final = {SubjectKind.USER: "users", SubjectKind.ITEM: "items", SubjectKind.CATEGORY: "categories"}
_NOT_PROMISED: Final = {"coverage": None, "diverse_share": None, "exposure_gini": None, "overlap": None}


def whole_promises(manifest: ListsManifest, band: OverlapBand, limits: ValidateSection) -> WholePromises:
    """What the settings that a generation was made with promise of it.

    Diversity is promised by a method or by min_categories, coverage by a share of
    places; exposure is limited unless the model is one that ranks all users alike.

    Args:
        manifest: names the model, and the settings at the time of ranking.
        band: of the overlap with the generation before.
        limits: [validate].
    """
    diversity, coverage = manifest.settings.get("diversity", {}), manifest.settings.get("coverage", {})
    is_diverse = diversity.get("method", "none") != "none" or diversity.get("min_categories", 0) > 0
    is_personal = not manifest.model_version.startswith(f"{_UNPERSONAL}-")
    return WholePromises(
        min_users_share=limits.min_users_share,
        min_coverage=limits.min_coverage if coverage.get("share", 0) > 0 else None,
        min_diversity=limits.min_diversity,
        min_diverse_share=limits.min_diverse_share if is_diverse else None,
        max_gini=limits.max_gini if is_personal else None,
        overlap_low=band.low,
        overlap_high=band.high,
    )


def whole_frame(measured: Sequence[MeasuredLists], promises: WholePromises) -> pl.DataFrame:
    """One row a surface and variant, with what home lists are held against.

    Args:
        measured: all lists of a generation.
        promises: min_users_share.

    Returns:
        The columns WHOLE_CHECK_COLUMNS.
    """
    types = dict.fromkeys(WHOLE_CHECK_COLUMNS, pl.Float64) | {"surface": pl.String, "variant": pl.String}
    return pl.DataFrame([_whole_row(lists, promises.min_users_share) for lists in measured], schema=types)


def kind_runs(measured: Sequence[MeasuredLists]) -> list[SuiteRun]:
    """The lists of users, of items and of categories, each kind with its suite.

    One suite a surface would say the same for every one of them, and cost a second each.

    Args:
        measured: all lists of a generation.
    """
    return [_kind_run(kind, lists) for kind in SubjectKind if _must_be_checked(lists := _of_kind(measured, kind))]


def _of_kind(measured: Sequence[MeasuredLists], kind: SubjectKind) -> list[MeasuredLists]:
    return [lists for lists in measured if lists.kind is kind]


def _must_be_checked(measured: Sequence[MeasuredLists]) -> bool:
    return any(lists.faults.lists or not lists.may_be_empty for lists in measured)


def _kind_run(kind: SubjectKind, measured: Sequence[MeasuredLists]) -> SuiteRun:
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for lists in measured:
        counts.update(lists.faults.counts)
        for fault, found in lists.faults.examples.items():
            examples.setdefault(fault, []).extend(f"{lists.name}: {place}" for place in found)
    rows = [
        lists.faults.rows.select(
            pl.lit(lists.surface).alias("surface"), pl.lit(lists.variant).alias("variant"), pl.all()
        )
        for lists in measured
        if lists.faults.lists
    ]
    elsewhere = frozenset[str]().union(*(ONLY_OF[other] for other in SubjectKind if other is not kind))
    return SuiteRun(
        suite=list_suite(_WHOSE[kind], elsewhere),
        frame=pl.concat(rows).to_pandas() if rows else pl.DataFrame(schema=LIST_CHECK_COLUMNS).to_pandas(),
        row_names=("surface", "variant", "subject"),
        rows=sum(lists.faults.lists for lists in measured),
        counts=counts,
        examples={fault: found[:EXAMPLES] for fault, found in examples.items()},
    )


def describe_generation(measured: Sequence[MeasuredLists], band: OverlapBand) -> dict[str, dict[str, Any]]:
    """All figures for the report, by surface and variant, each with a sentence.

    Args:
        measured: all lists of a generation.
        band: of the overlap.
    """
    return {lists.name: _described(lists, band) for lists in measured}


def _whole_row(lists: MeasuredLists, min_users_share: float) -> dict[str, Any]:
    is_home = lists.surface == HOME
    needed = int(lists.users_with_history * min_users_share) if is_home else 0
    needed = max(needed, 0 if lists.may_be_empty else 1)
    figures = asdict(lists.figures) if is_home and lists.figures else _NOT_PROMISED
    return {
        "surface": lists.surface,
        "variant": lists.variant,
        "unexpected_lists": abs(lists.faults.lists - lists.expected),
        "missing_lists": max(0, needed - lists.faults.lists),
        **{name: figures[name] for name in _NOT_PROMISED},
    }


def _described(lists: MeasuredLists, band: OverlapBand) -> dict[str, Any]:
    base: dict[str, Any] = {"lists": lists.faults.lists}
    if lists.figures is None:
        return base | {"sentence": f"{lists.faults.lists:,} lists"}
    compared = {"previous_generation": band.previous, "overlap_low": band.low, "overlap_high": band.high}
    return base | asdict(lists.figures) | compared | {"widened": band.widened, "sentence": _sentence(lists, band)}


def _sentence(lists: MeasuredLists, band: OverlapBand) -> str:
    figures = lists.figures
    if figures is None or figures.mean_length is None:
        return f"{lists.faults.lists:,} lists"
    bound = "that so few users can show" if figures.is_bounded_by_users else "that may be shown"
    parts = [
        f"{lists.faults.lists:,} lists of {figures.mean_length:.1f} items",
        f"coverage {_number(figures.coverage)} of {figures.coverage_of:,.0f} items {bound}",
        f"mean diversity {_number(figures.mean_diversity)}",
        f"floor reached by {_number(figures.diverse_share)} of {figures.eligible_lists:,} lists",
        f"Gini of exposure {_number(figures.exposure_gini)}",
        _overlap(figures.overlap, figures.compared_lists, band),
    ]
    return "; ".join(parts)


def _overlap(overlap: float | None, lists: int, band: OverlapBand) -> str:
    if band.previous is None:
        return "the first generation, with nothing to compare"
    said = (
        f"overlap {_number(overlap)} with {band.previous} ({lists:,} lists; {band.low:.2g} to {band.high:.2g} allowed"
    )
    return f"{said}, since {' and '.join(band.widened)})" if band.widened else f"{said})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
