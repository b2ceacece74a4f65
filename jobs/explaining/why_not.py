"""Why an item is not in a user's list: the first step on the way of the list that it did not pass."""

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from jobs.explaining.tell_contributors import Deed, title_of
from jobs.explaining.user_lists import UserLists
from jobs.ranking.make_home_lists import pool_width
from jobs.reranking.draft import Draft, Source
from jobs.rules.list_rules import ListRules
from reco_contracts.reasons import Reason

_TITLES_NAMED: Final = 3


class WhyNot(msgspec.Struct, frozen=True):
    """Why an item is missing.

    Attributes:
        code: stable: unknown_item, seen, not_on_sale, rule, unknown_to_model, ranked_too_low, diversity, limit,
            boost, new_items, explored_items, pinned_items, changed_since.
        text: a sentence.
        rank: among all candidates of the user, from 1; None where it is none.
        score: the model's; None where it has none.
        last_score: of the last item listed.
    """

    code: str
    text: str
    rank: int | None = None
    score: float | None = None
    last_score: float | None = None


def why_not_allowed(rules: ListRules, audience: int, item: int) -> str | None:
    """The business rule that keeps an item from an audience; None where there is none.

    Args:
        rules: of the surface.
        audience: of the user.
        item: index of the generation.
    """
    if rules.allowed[audience, item]:
        return None
    names = ", ".join(rules.against(audience, item))
    return "a business rule keeps it from this user" + (f": {names}" if names else "")


def why_not(lists: UserLists, item_id: str, item: int | None, deed: Deed | None) -> WhyNot:
    """Find the step that an item did not pass.

    Args:
        lists: the user's, which lack the item.
        item_id: the item.
        item: its index in the generation; None = the catalogue lacks it.
        deed: what the user did with it; None = nothing.
    """
    if item is None:
        return WhyNot("unknown_item", f"item {item_id!r} is not in the catalogue of generation {lists.generation}")
    return _forbidden(lists, item, deed) or _ranked_too_low(lists, item) or _taken_out(lists, item)


def _forbidden(lists: UserLists, item: int, deed: Deed | None) -> WhyNot | None:
    """What no score can help against."""
    if lists.block.never[0, item]:
        rule = lists.work.surface.exclude_seen
        span = "are not shown again" if rule == "forever" else f"are not shown again for {rule} days"
        did = f"{deed.text}, last on {deed.last}" if deed else "consumed"
        return WhyNot("seen", f"seen: {did}; items that a user has consumed {span} ([surfaces.home] exclude_seen)")
    if not lists.catalogue["is_available"][item]:
        return WhyNot("not_on_sale", f"it was not on sale at the end of {lists.run_date}")
    rule_text = why_not_allowed(lists.work.rules, int(lists.work.rules.audiences[0]), item)
    return WhyNot("rule", rule_text) if rule_text else None


def _ranked_too_low(lists: UserLists, item: int) -> WhyNot | None:
    """Not among the candidates, or behind whatever was listed."""
    ranked, last = lists.rank_of(item), _last_personal_score(lists)
    pool = lists.pool.items[0]
    if ranked is None and item not in pool:
        if lists.work.ranking.model_index[item] < 0:
            return WhyNot("unknown_to_model", f"model {lists.model_version} was trained before the item came")
        return WhyNot(
            "unknown_to_model",
            f"model {lists.model_version} has no score of it for this user: nobody chose it yet, "
            "or nothing links it with what the user has",
        )
    rank, score = ranked or (None, None)
    if item not in pool:
        text = f"ranked too low: place {rank:,} among all candidates, {pool_width(lists.work):,} are looked at"
        return WhyNot("ranked_too_low", text, rank, score, last)
    behind = lists.drafted_without(pins=True, new=True, limits=True, boosts=True, diversity=True)
    if item not in behind.items[0] and not _is_overtaken(lists, item):
        where = f"place {rank:,} among all candidates" if rank else "behind the popular items that fill the list"
        return WhyNot(
            "ranked_too_low", f"ranked too low: {where}, {lists.work.surface.k} are listed", rank, score, last
        )
    return None


def _is_overtaken(lists: UserLists, item: int) -> bool:
    """Whether an item that stands behind it in the pool is listed."""
    pool = lists.pool.items[0].tolist()
    behind = set(pool[pool.index(item) + 1 :])
    return any(listed in behind for listed in lists.drafted.items[0].tolist() if listed >= 0)


def _taken_out(lists: UserLists, item: int) -> WhyNot:
    """A candidate that would be listed, were it not for one step."""
    rank, score = lists.rank_of(item) or (None, None)
    last = _last_personal_score(lists)
    without_new = lists.drafted_without(pins=True, new=True)
    if item in lists.drafted.items[0]:
        return _pushed_out(lists, rank, score, last)
    if item in lists.drafted_without(pins=True).items[0]:
        names = _titles(lists, lists.drafted.items[0][lists.drafted.sources[0] == Source.PINNED])
        return WhyNot("pinned_items", f"pushed out by pinned items: {names}", rank, score, last)
    if item in without_new.items[0]:
        names = _titles(lists, lists.drafted.items[0][lists.drafted.sources[0] == Source.NEW])
        return WhyNot("new_items", f"pushed out by new items, which have reserved places: {names}", rank, score, last)
    if item in lists.drafted_without(pins=True, new=True, limits=True).items[0]:
        text = f"removed by a limit: {_full_limits(lists, item, without_new)}"
        return WhyNot("limit", text, rank, score, last)
    if item in lists.drafted_without(pins=True, new=True, limits=True, boosts=True).items[0]:
        text = "business rules damp it, or lift others above it"
        return WhyNot("boost", text, rank, score, last)
    rules = lists.work.diversity
    how = {"method": rules.method, "min_categories": rules.min_categories, "max_per_category": rules.max_per_category}
    named = ", ".join(f"{key} = {value}" for key, value in how.items() if value not in ("none", 0))
    text = f"removed by diversity ([diversity] {named}): items of other categories took its place"
    return WhyNot("diversity", text, rank, score, last)


def _pushed_out(lists: UserLists, rank: int | None, score: float | None, last: float | None) -> WhyNot:
    written = lists.written
    added = written.items[(written.reasons == Reason.EXPLORING) & ~np.isin(written.items, lists.drafted.items[0])]
    if len(added):
        text = f"pushed out by items that are shown so that the catalogue is covered: {_titles(lists, added)}"
        return WhyNot("explored_items", text, rank, score, last)
    text = "a list made now would hold it: the log or the settings have changed since the generation was made"
    return WhyNot("changed_since", text, rank, score, last)


def _full_limits(lists: UserLists, item: int, draft: Draft) -> str:
    """The limits that leave no room for the item in the list."""
    items = draft.items[0]
    full = []
    for limit in lists.work.rules.limits:
        first = items[: limit.first]
        count = int((limit.codes[first[first >= 0]] == limit.codes[item]).sum())
        if limit.codes[item] >= 0 and count >= limit.most:
            full.append(f"{limit.name} (at most {limit.most} of its kind in the first {limit.first})")
    return ", ".join(full) or "of the business rules"


def _last_personal_score(lists: UserLists) -> float | None:
    """The score of the last item that the model listed."""
    sources, scores = lists.drafted.sources[0], lists.drafted.scores[0]
    personal = scores[sources == Source.PERSONAL]
    return float(personal[-1]) if len(personal) else None


def _titles(lists: UserLists, items: Iterable[int]) -> str:
    names = [title_of(lists, int(item)) for item in items]
    more = f" and {len(names) - _TITLES_NAMED} more" if len(names) > _TITLES_NAMED else ""
    return ", ".join(names[:_TITLES_NAMED]) + more
