"""Make the lists of some users from their newest events, without training.

A user is a row of interactions, so whoever has one gets a list from the model that
ranked the live generation, with that generation's items, rules and fillers: the
list that a full ranking would give the same history. The lists go beside the
generation, data/overlays/<generation>/<name>.parquet, complete or absent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.forgetting.tombstone_file import read_forgotten
from jobs.landing.check_events import check_events, latest_time
from jobs.landing.importers.event_files import contract_source
from jobs.publishing.connect_store import open_store
from jobs.publishing.generation_store import read_pointer
from jobs.publishing.read_lists import read_lists_manifest
from jobs.ranking.explored_items import explored_of, load_explored
from jobs.ranking.home_fillers import HomeFillers, load_fillers
from jobs.ranking.interaction_matrix import make_interactions
from jobs.ranking.make_home_lists import HomeWork, home_lists
from jobs.ranking.ranking_model import RankingModel, ranking_model
from jobs.ranking.save_lists import ListBlock, save_lists
from jobs.ranking.train_model import load_model
from jobs.ranking.training_data import serving_data
from jobs.ranking.weigh_events import clicks_on, weigh_events
from jobs.reranking.item_traits import item_traits
from jobs.rules.compile_rules import RuleBook, compile_rules
from jobs.rules.generation_rules import rules_of_generation
from jobs.rules.rule_set import RuleSet
from jobs.warehouse.read_marts import last_interaction_date, read_interactions, read_items, read_users
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.list_settings import CoverageSection, DiversitySection, HomeSurface
from reco_contracts.settings import Settings
from reco_contracts.surfaces import HOME


@dataclass(frozen=True, slots=True)
class HomeRanking:
    """All that makes a home list of a generation, but for the users.

    Attributes:
        ranking: the model that ranked the generation.
        model_items: ids of the model's item indices.
        item_ids: ids of the generation's item indices.
        fillers: the generation's.
        is_available: bool, shape (n_items,), on sale when the generation was ranked.
        surface: settings of home lists, as they were then.
        diversity: the same of how lists are chosen.
        coverage: the same of what was spent on under-exposed items.
        explored: who was given which of them; None = nobody.
        run_date: of the generation.
        liked_stars: a rating of so many says "liked"; None = reasons do not tell what was bought and liked.
        rules: business rules, as they were then.
        unknown_age: the same of people without a birth year.
    """

    ranking: RankingModel
    model_items: pl.Series
    item_ids: pl.Series
    fillers: HomeFillers
    is_available: npt.NDArray[np.bool_]
    surface: HomeSurface
    diversity: DiversitySection
    coverage: CoverageSection
    explored: pl.DataFrame | None
    run_date: date
    liked_stars: float | None = None
    rules: RuleSet = field(default_factory=RuleSet)
    unknown_age: Literal["child", "adult"] = "child"


@dataclass(frozen=True, slots=True)
class NewEvents:
    """What users did beside what the marts hold.

    Attributes:
        history: columns of fct_interactions.
        counts: how many events were read, and what became of them.
    """

    history: pl.DataFrame
    counts: dict[str, int]


def fold_in_lists(
    home: HomeRanking, users: pl.Series, history: pl.DataFrame, items: pl.DataFrame, people: pl.DataFrame
) -> Iterator[ListBlock]:
    """Rank some users; the same history gives the same list, whoever else is ranked.

    Ages are counted back from the newest day that there is: the run date of the
    generation, or a later event.

    Args:
        home: what the lists are made with.
        users: ids; those without a row in the history get what their segment likes.
        history: columns of fct_interactions; all that the users did, and what others did where the model
            has features of items, which are made of it.
        items: dim_items.
        people: dim_users.

    Yields:
        Lists in order of user id, indices of the generation.
    """
    yield from home_lists(home_work(home, users, history, items, people))


def home_work(
    home: HomeRanking, users: pl.Series, history: pl.DataFrame, items: pl.DataFrame, people: pl.DataFrame
) -> HomeWork:
    """All that the home lists of some users are made with; the arguments are those of `fold_in_lists`."""
    users = users.unique().sort()
    newest = history["event_date"].max()
    as_of = max(home.run_date, newest) if isinstance(newest, date) else home.run_date
    ordered = history.sort("user_id", "item_id", "event_date")
    model_data = serving_data(ordered, users, home.model_items, items, people, as_of, home.liked_stars)
    data = make_interactions(ordered, users, home.item_ids, as_of)
    catalogue = home.item_ids.alias("item_id").to_frame().join(items, on="item_id", how="left", maintain_order="left")
    book = RuleBook(home.rules, catalogue, people, home.is_available, home.run_date, home.unknown_age)
    return HomeWork(
        ranking=home.ranking,
        users=users,
        model_data=model_data,
        data=data,
        fillers=home.fillers,
        traits=item_traits(catalogue),
        rules=compile_rules(book, HOME, users),
        surface=home.surface,
        diversity=home.diversity,
        coverage=home.coverage,
        explored=explored_of(home.explored, users, home.coverage.most_per_list),
    )


def run(
    settings: Settings,
    now: datetime,
    *,
    generation: str | None = None,
    users: list[str] | None = None,
    items: list[str] | None = None,
    events: Path | None = None,
    name: str = "folded_in",
) -> dict[str, Any]:
    """Fold users in, and write their lists.

    Args:
        settings: where everything is.
        now: UTC; events much later are from the future.
        generation: None = the live one, which the store is asked for.
        users: ids; None = those of the events.
        items: clicked just now, by the one user.
        events: a file in the event contract; what is not later than the marts is in them already.
        name: of the file of lists.

    Raises:
        ContractError: nobody is named, `items` without exactly one user, or an item that is not in the catalogue.
        EmptyPartitionError: no such generation, model or marts.
        StoreUnavailableError: the store has to be asked, and does not answer.
    """
    if not users and events is None:
        raise ContractError("whose lists? Name users with --user, or a file of their events with --events")
    if items and (users is None or len(users) != 1):
        raise ContractError(f"--items are the clicks of one user, and {len(users or [])} are named with --user")
    if not name or name != Path(name).name or name.startswith("."):
        raise ContractError(f"--name {name!r}: a plain file name without a folder expected")
    layout = settings.layout
    live = generation or _live_generation(settings)
    home = load_home_ranking(layout, live, settings.train.threads, settings.interactions.rating_positive_min)
    clicked = _clicks(home, (users or [""])[0], items or [], settings)
    new = read_new_events(events, last_interaction_date(layout), settings, now) if events else NewEvents(clicked, {})
    done = pl.concat([clicked, new.history]) if events else clicked
    named = pl.Series("user_id", [*(users or []), *done["user_id"]], dtype=pl.String).unique().sort()
    erased = read_forgotten(settings).among(named)
    named = named.filter(~named.is_in(erased))
    history = pl.concat([read_interactions(layout, date.max), done])
    blocks = fold_in_lists(home, named, history, read_items(layout), read_users(layout))
    path = layout.overlay_file(live, name)
    with replace_file(path) as temporary:
        lists = save_lists(temporary, blocks)
    return {
        "generation": live,
        "users": lists,
        "without_history": len(named) - int(named.is_in(history["user_id"].unique().implode()).sum()),
        **({"erased_users": len(erased)} if erased else {}),
        **new.counts,
        "file": path,
    }


def load_home_ranking(layout: Layout, generation: str, threads: int, liked_stars: float | None = None) -> HomeRanking:
    """Read what made a generation's home lists.

    Raises:
        EmptyPartitionError: there is no such generation, or no such model.
        ContractError: its files do not fit together.
    """
    manifest = read_lists_manifest(layout, generation)
    catalogue = pl.read_parquet(layout.catalogue_file(generation), columns=["item_id", "is_available"])
    _, model, model_items = load_model(layout, manifest.model_version, threads)
    is_available = catalogue["is_available"].to_numpy()
    return HomeRanking(
        ranking=ranking_model(model, model_items, catalogue["item_id"], is_available),
        model_items=model_items,
        item_ids=catalogue["item_id"],
        fillers=load_fillers(layout.lists / generation, len(catalogue)),
        is_available=is_available,
        surface=HomeSurface.model_validate(manifest.settings["surfaces"][HOME]),
        diversity=DiversitySection.model_validate(manifest.settings.get("diversity", {})),
        coverage=CoverageSection.model_validate(manifest.settings.get("coverage", {})),
        explored=load_explored(layout.lists / generation),
        run_date=date.fromisoformat(manifest.run_date),
        liked_stars=liked_stars,
        rules=rules_of_generation(layout, generation),
        unknown_age=manifest.settings.get("rules", {}).get("unknown_age", "child"),
    )


def read_new_events(path: Path, known_until: date, settings: Settings, now: datetime) -> NewEvents:
    """Read a file of events, check it by the contract, and weigh what the marts do not hold yet.

    Args:
        path: CSV, JSON Lines or Parquet in the event contract.
        known_until: the last day of the marts; what is not later comes with them, or with the next run.
        settings: [landing] and [interactions].
        now: UTC.

    Raises:
        ContractError: the file has no such columns.
    """
    latest = latest_time(now, settings.landing.max_future_hours)
    checked = [
        check_events(records, latest)
        for records in contract_source("events", path, {}).frames(settings.landing.chunk_rows)
    ]
    valid = pl.concat([part.valid for part in checked]) if checked else None
    if valid is None or valid.is_empty():
        raise ContractError(f"{path} holds no valid event; `reco import {path}` says what is wrong with each line")
    later = valid.filter(pl.col("event_date") > known_until)
    counts = {
        "events": len(later),
        "events_in_marts": len(valid) - len(later),
        "events_rejected": sum(len(part.rejected) for part in checked),
    }
    return NewEvents(weigh_events(later, settings.interactions), counts)


def _live_generation(settings: Settings) -> str:
    with open_store(settings.redis) as store:
        live = read_pointer(store, settings.keys).live
    if live is None:
        raise EmptyPartitionError(
            "no generation is live; publish one, or name a folder of data/lists with --generation"
        )
    return live.generation


def _clicks(home: HomeRanking, user_id: str, items: list[str], settings: Settings) -> pl.DataFrame:
    unknown = sorted(set(items) - set(home.item_ids.filter(home.item_ids.is_in(items))))
    if unknown:
        raise ContractError(f"--items: {', '.join(unknown)} not in the generation's catalogue of {len(home.item_ids)}")
    return clicks_on(user_id, items, home.run_date, settings.interactions)
