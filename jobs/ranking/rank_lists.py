"""Make every list of a new generation: a folder that is complete or absent."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from jobs.evaluation.ranking_task import available_on
from jobs.evaluation.training_due import model_in_force
from jobs.models.base import Model
from jobs.models.popularity import popularity_order
from jobs.ranking.explore_catalogue import explore_catalogue
from jobs.ranking.explored_items import save_explored
from jobs.ranking.find_new_items import new_items, not_seen_enough
from jobs.ranking.home_fillers import HomeFillers, PopularOrder, popular_by_segment, save_fillers
from jobs.ranking.interaction_matrix import make_interactions
from jobs.ranking.make_home_lists import HomeWork, home_lists
from jobs.ranking.make_popular_lists import popular_items, popular_lists
from jobs.ranking.make_similar_lists import closest_categories, similar_lists
from jobs.ranking.make_surface_lists import SurfaceWork, surface_lists
from jobs.ranking.ranking_model import ranking_model
from jobs.ranking.save_lists import save_lists
from jobs.ranking.save_why import save_why
from jobs.ranking.tally_lists import ListTally
from jobs.ranking.train_model import load_model
from jobs.ranking.training_data import segments_of, serving_data
from jobs.reranking.item_traits import item_traits
from jobs.reranking.spill_drafts import SpilledDrafts
from jobs.rules.check_rules import load_rules
from jobs.rules.compile_rules import RuleBook
from jobs.rules.list_rules import shown_to_somebody
from jobs.rules.surface_rules import SurfaceRules
from jobs.warehouse.hold_exports import reading_exports
from jobs.warehouse.read_marts import read_exposure, read_interactions, read_items, read_users
from reco_contracts.artifacts import complete_versions, new_folder, next_generation
from reco_contracts.columns import CATALOGUE_COLUMNS
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.list_settings import HomeSurface, SurfacesSection
from reco_contracts.manifests import MANIFEST_FILE, ListsManifest, encode_manifest
from reco_contracts.settings import Settings
from reco_contracts.surfaces import DEFAULT_VARIANT, HOME, POPULAR, SIMILAR


def run(run_date: date, settings: Settings, model_version: str | None = None) -> dict[str, Any]:
    """Rank for a run date.

    Args:
        run_date: only data up to this day counts; ages and availability are of its end.
        settings: [surfaces], [train].threads and paths.
        model_version: None = the one that `reco train` names for the run date.

    Raises:
        EmptyPartitionError: no such model, or no marts.
        ContractError: the model has seen days after the run date.
        ConfigError: the business rules are wrong.
    """
    layout = settings.layout
    version = model_version or model_of_day(settings, run_date)
    manifest, model, model_items = load_model(layout, version, settings.train.threads)
    if date.fromisoformat(manifest.run_date) > run_date:
        raise ContractError(
            f"model {version} was trained up to {manifest.run_date}, after {run_date}; name an older one"
        )
    with reading_exports(layout):  # of one export, all of them
        history, items, people = read_interactions(layout, run_date), read_items(layout), read_users(layout)
        impressions = read_exposure(layout, run_date)
    book = load_rules(settings, items, people, run_date)
    generation = next_generation(layout, run_date)
    with new_folder(layout.lists / generation) as folder:
        counts, n_items, measured = write_lists(
            folder, run_date, history, items, people, impressions, model, model_items, settings, book
        )
        summary = ListsManifest(
            generation=generation,
            run_date=run_date.isoformat(),
            model_version=version,
            n_items=n_items,
            popular_windows_days=settings.surfaces.popular.windows_days,
            lists={surface: {DEFAULT_VARIANT: count} for surface, count in counts.items()},
            why={HOME: {DEFAULT_VARIANT: counts[HOME]}},
            settings={
                name: getattr(settings, name).model_dump(mode="json")
                for name in ("surfaces", "diversity", "coverage", "rules")
            },
            measured=measured,
        )
        (folder / MANIFEST_FILE).write_bytes(encode_manifest(summary))
    return {"generation": generation, "model_version": version, "lists": counts, "items": n_items, **measured}


def model_of_day(settings: Settings, run_date: date) -> str:
    """The released version where it is in force, else the newest one that was trained for a run date.

    Raises:
        EmptyPartitionError: there is none.
    """
    released = model_in_force(settings.layout, run_date, settings.train)
    if released:
        return released.model_version
    stem = f"{settings.train.model}-{run_date:%Y%m%d}-"
    versions = [name for name in complete_versions(settings.layout.models) if name.startswith(stem)]
    if not versions:
        raise EmptyPartitionError(
            f"no {settings.train.model} model of {run_date} in {settings.layout.models}; "
            f"run `reco train --run-date {run_date}`, or name an older version with --model"
        )
    return max(versions, key=lambda name: int(name.rpartition("-")[2]))


def write_lists(
    folder: Path,
    run_date: date,
    history: pl.DataFrame,
    items: pl.DataFrame,
    people: pl.DataFrame,
    impressions: pl.DataFrame,
    model: Model,
    model_items: pl.Series,
    settings: Settings,
    book: RuleBook,
) -> tuple[dict[str, int], int, dict[str, Any]]:
    """Write the catalogue and the lists of all surfaces; equal input gives equal files.

    Args:
        folder: an empty folder.
        run_date: the last day of the history.
        history: fct_interactions up to the run date, sorted.
        items: dim_items, sorted by id; row number = item index of the generation.
        people: dim_users.
        impressions: how often each item was shown, see `read_exposure`.
        model: fitted.
        model_items: ids of the model's item indices.
        settings: [surfaces], [diversity], [coverage], [catalogue] and [train].seed.
        book: business rules beside these items and people.

    Returns:
        Number of lists a surface, of items in the catalogue, and what the home lists are like.
    """
    surfaces: SurfacesSection = settings.surfaces
    is_available, rules = available_on(items, run_date), SurfaceRules(book)
    of_popular, of_similar = rules.allowed_everywhere(POPULAR), rules.allowed_everywhere(SIMILAR)
    catalogue = items.with_columns(pl.Series("is_available", is_available)).select(CATALOGUE_COLUMNS)
    catalogue.write_parquet(folder / "catalogue.parquet")
    users, item_ids = users_to_rank(history, people, surfaces.home), items["item_id"]
    data = make_interactions(history, users, item_ids, run_date, segments_of(users, people))
    liked = settings.interactions.rating_positive_min
    model_data = serving_data(history, users, model_items, items, people, run_date, liked)
    ranking = ranking_model(model, model_items, item_ids, is_available)
    popular = [
        popular_items(data, catalogue, of_popular, days, surfaces.popular.k) for days in surfaces.popular.windows_days
    ]
    new = not_seen_enough(items, is_available, impressions, history, run_date, surfaces.home)
    fillers = HomeFillers(
        PopularOrder(popularity_order(popular[0].scores, is_available), popular[0].scores),
        popular_by_segment(data, is_available, surfaces.popular.windows_days[0], surfaces.home.k),
        new_items(ranking, model_items, item_ids, new, users, model_data, surfaces.home, draw_salt(run_date, settings)),
    )
    save_fillers(folder, fillers)
    home = HomeWork(
        ranking=ranking,
        users=users,
        model_data=model_data,
        data=data,
        fillers=fillers,
        traits=item_traits(items),
        rules=rules.for_users(HOME, users),
        surface=surfaces.home,
        diversity=settings.diversity,
        coverage=settings.coverage,
    )
    n_home, measured = write_home_lists(folder, home)
    paths = closest_categories(catalogue, settings.catalogue.categories)
    filling = popular_items(data, catalogue, of_similar, popular[0].window_days, surfaces.similar.k + 1)
    similar = similar_lists(ranking.only(of_similar), catalogue, paths, filling, surfaces.similar.k)
    counts = {
        HOME: n_home,
        SIMILAR: save_lists(_list_file(folder, SIMILAR), rules.pinned(SIMILAR, similar)),
        POPULAR: save_lists(
            _list_file(folder, POPULAR),
            rules.pinned(POPULAR, (block for window in popular for block in popular_lists(window, surfaces.popular.k))),
        ),
    }
    others = SurfaceWork(history, users, items, paths, data, rules, run_date, surfaces)
    counts |= {name: save_lists(_list_file(folder, name), blocks) for name, blocks in surface_lists(others)}
    rules.save(folder, {surface: _list_file(folder, surface) for surface in counts})
    return counts, len(catalogue), measured


def write_home_lists(folder: Path, work: HomeWork) -> tuple[int, dict[str, Any]]:
    """Write the home lists, in two passes over the users where places are to be spent on under-exposed items.

    Args:
        folder: of the generation; takes the list file, and who explores what.
        work: without explored items.

    Returns:
        The number of lists, and what they are like, as the manifest has it.
    """
    is_available = shown_to_somebody(work.rules)
    before, after = (ListTally(work.traits.categories, is_available) for _ in range(2))
    path, spent = _list_file(folder, HOME), 0
    with SpilledDrafts() as drafts:
        explored = explore_catalogue(work, drafts) if work.coverage.share > 0 else None
        if explored is not None:
            save_explored(folder, work.users, explored)
            spent = int((explored.items >= 0).sum())
        for draft in drafts.read():
            before.add(draft)
        made = drafts.read() if work.coverage.share > 0 else None
        lists = after.watch(home_lists(replace(work, explored=explored), made))
        written = save_lists(path, save_why(why_file_in(folder, HOME), lists))
    coverage = after.coverage()
    return written, {
        "coverage": coverage,
        "coverage_before": before.coverage() if work.coverage.share > 0 else coverage,
        "places_spent": spent,
        "diversity": after.diversity(),
    }


def users_to_rank(history: pl.DataFrame, people: pl.DataFrame, rules: HomeSurface) -> pl.Series:
    """Ids of the users who get a home list, sorted: with a history, and those whom a snapshot names if so set."""
    active = history["user_id"].unique()
    return pl.concat([active, people["user_id"]]).unique().sort() if rules.silent_users else active.sort()


def draw_salt(run_date: date, settings: Settings) -> str:
    """What the draws of new items depend on beside user and item: another day shows other new items."""
    return f"new items|{settings.train.seed}|{run_date}"


def why_file_in(folder: Path, surface: str) -> Path:
    """Where the contributors of a surface go; `Layout.why_file` of the finished folder."""
    return folder / "why" / surface / f"{DEFAULT_VARIANT}.parquet"


def _list_file(folder: Path, surface: str) -> Path:
    return folder / surface / f"{DEFAULT_VARIANT}.parquet"
