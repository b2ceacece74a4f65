"""Measure every list of a generation, a batch of one file at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from jobs.measuring.evidence import Evidence, read_evidence
from jobs.measuring.find_faults import find_faults
from jobs.measuring.list_batches import list_batches, read_subjects
from jobs.measuring.previous_lists import OverlapBand, PreviousLists, previous_lists
from jobs.measuring.surface_demands import MAY_BE_EMPTY, Demand, demand_of
from jobs.measuring.tally_faults import FaultTally, FoundFaults
from jobs.measuring.tally_figures import FigureTally, ListFigures
from jobs.measuring.what_is_left import Offer
from jobs.reranking.list_measures import FIRST
from jobs.rules.check_rules import load_rules
from jobs.warehouse.hold_exports import reading_exports
from jobs.warehouse.read_marts import read_items, read_users
from reco_contracts.artifacts import Layout
from reco_contracts.manifests import ListsManifest
from reco_contracts.settings import Settings
from reco_contracts.surfaces import SubjectKind


@dataclass(frozen=True, slots=True)
class MeasuredLists:
    """The lists of one surface and variant.

    Attributes:
        surface: where they are shown.
        variant: which way of making them.
        kind: whose they are.
        expected: how many the manifest says there are.
        users_with_history: of the log, up to the run date.
        faults: what is wrong in them.
        figures: of users' lists; None for others.
    """

    surface: str
    variant: str
    kind: SubjectKind
    expected: int
    users_with_history: int
    faults: FoundFaults
    figures: ListFigures | None

    @property
    def name(self) -> str:
        """Surface and variant, as reports name them."""
        return f"{self.surface} {self.variant}"

    @property
    def may_be_empty(self) -> bool:
        """Whether a log may give the surface no list at all."""
        return self.surface in MAY_BE_EMPTY


def measure_generation(
    manifest: ListsManifest, run_date: date, band: OverlapBand, settings: Settings
) -> Iterator[MeasuredLists]:
    """Hold the lists of each surface and variant against the log of the run date.

    Args:
        manifest: of the generation.
        run_date: the last day of the log that counts.
        band: names the generation that users' lists are compared with.
        settings: [surfaces], [validate] and paths.

    Raises:
        EmptyPartitionError: a file is missing.
        ConfigError: the business rules are wrong.
    """
    layout, generation = settings.layout, manifest.generation
    catalogue = pl.read_parquet(layout.catalogue_file(generation))
    with reading_exports(layout):  # of one export, all of them
        items = catalogue.select("item_id").join(read_items(layout), on="item_id", how="left", maintain_order="left")
        book = load_rules(settings, items, read_users(layout), run_date)
        new_days = max(settings.surfaces.home.new_item_days, settings.surfaces.new.days)
        evidence = read_evidence(layout, run_date, catalogue, items, new_days)
    for surface, variants in manifest.lists.items():
        for variant, expected in variants.items():
            path = layout.list_file(generation, surface, variant)
            subjects = read_subjects(path)
            demand = demand_of(surface, subjects, book, settings)
            previous = _previous(layout, band, surface, variant, evidence) if demand.kind is SubjectKind.USER else None
            faults, figures = measure_lists(path, subjects, evidence, demand, previous)
            users = len(evidence.own.users.names)
            yield MeasuredLists(surface, variant, demand.kind, expected, users, faults, figures)


def measure_lists(
    path: Path, subjects: pl.Series, evidence: Evidence, demand: Demand, previous: PreviousLists | None = None
) -> tuple[FoundFaults, ListFigures | None]:
    """Measure the lists of one file.

    Args:
        path: a list file.
        subjects: of its lists.
        evidence: items and users.
        demand: of the surface.
        previous: the same users' lists of the generation before.

    Returns:
        Faults of all lists, and figures where they are lists of users.
    """
    faults, figures = FaultTally(len(subjects), evidence), FigureTally(evidence, demand, previous)
    offer, repeated = Offer(evidence, demand), subjects.is_duplicated().to_numpy()
    start = 0
    for batch in list_batches(path, evidence, demand):
        left = offer.left_for(batch)
        is_repeated = repeated[start : start + len(batch)]
        faults.add(batch, find_faults(batch, evidence, demand, left.items, is_repeated))
        figures.add(batch, left)
        start += len(batch)
    return faults.result(), figures.result() if demand.kind is SubjectKind.USER else None


def _previous(
    layout: Layout, band: OverlapBand, surface: str, variant: str, evidence: Evidence
) -> PreviousLists | None:
    if band.previous is None:
        return None
    path, catalogue = layout.list_file(band.previous, surface, variant), layout.catalogue_file(band.previous)
    return previous_lists(path, catalogue, evidence.item_ids.names, FIRST)
