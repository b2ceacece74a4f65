"""What is wrong in each list: the one place where a promise becomes a test of arrays.

A fault of a place is named by the item that stands there, a fault of a list by its
subject alone. `expectations.list_suites.LIST_CHECKS` says each of them in words.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.measuring.evidence import Evidence
from jobs.measuring.list_batches import ListBatch
from jobs.measuring.own_items import FOREIGN, NEVER, is_excluded
from jobs.measuring.surface_demands import Demand
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.surfaces import SubjectKind

_HAS_SEED = np.array([REASONS[reason].has_seed for reason in Reason], dtype=bool)
_SAYS_AGAIN = (Reason.AGAIN, Reason.DUE_AGAIN)
_SAYS_NEW = (Reason.NEW, Reason.NEW_IN_CATEGORY)
_SAYS_CONSUMED = (Reason.BECAUSE_BOUGHT, Reason.BECAUSE_LIKED)
_Bools = npt.NDArray[np.bool_]
_Ints = npt.NDArray[np.int64]


class Faults(NamedTuple):
    """What is wrong in some lists.

    Attributes:
        places: name of the fault -> bool, one an entry.
        lists: name of the fault -> int64, shape (n,); 0 = none.
    """

    places: dict[str, _Bools]
    lists: dict[str, _Ints]


def find_faults(batch: ListBatch, evidence: Evidence, demand: Demand, left: _Ints, repeated: _Bools) -> Faults:
    """Hold some lists against everything that is promised of them.

    Args:
        batch: the lists.
        evidence: items and users.
        demand: of the surface.
        left: int64, shape (n,), items left for each list's subject.
        repeated: bool, shape (n,), the subject has another list too.
    """
    return Faults(
        places=_item_faults(batch, evidence, demand) | _reason_faults(batch, evidence, demand.kind),
        lists={
            "missing_subject": batch.subjects.is_null().to_numpy().astype(np.int64),
            "repeated_subject": repeated.astype(np.int64),
            "unknown_subject": (batch.own_item < 0).astype(np.int64) * (demand.kind is SubjectKind.ITEM),
            "uneven_columns": (~batch.is_even).astype(np.int64),
            "missing_items": _missing(batch, evidence, demand, left),
            "extra_items": np.maximum(batch.lengths - demand.k, 0),
        },
    )


def _item_faults(batch: ListBatch, evidence: Evidence, demand: Demand) -> dict[str, _Bools]:
    known, safe = batch.is_known, np.where(batch.is_known, batch.items, 0)
    is_on_sale = is_allowed = known
    if evidence.n_items:
        is_on_sale, is_allowed = evidence.is_available[safe], demand.rules.allowed[batch.audiences[batch.rows], safe]
    return {
        "padded_items": batch.items < 0,
        "duplicate_items": known & _stands_further_up(batch),
        "unknown_items": ~known & (batch.items >= 0),
        "unavailable_items": known & ~is_on_sale,
        "blocked_items": known & is_on_sale & ~is_allowed,
        "seen_items": is_excluded(batch.own.days_of(batch.rows, batch.items), demand.exclude_seen),
        "own_subject_items": known & (batch.items == batch.own_item[batch.rows]),
        "bad_scores": ~np.isfinite(batch.scores),
    }


def _stands_further_up(batch: ListBatch) -> _Bools:
    """Whether the list holds the item at an earlier place too."""
    codes = batch.rows * (int(batch.items.max(initial=0)) + 2) + batch.items + 1
    order = np.argsort(codes, kind="stable")
    is_same = np.diff(codes[order], prepend=-1) == 0
    repeated = np.zeros(len(codes), dtype=bool)
    repeated[order[is_same]] = True
    return repeated


def _reason_faults(batch: ListBatch, evidence: Evidence, kind: SubjectKind) -> dict[str, _Bools]:
    is_reason = (batch.reasons >= 0) & (batch.reasons < len(_HAS_SEED))
    needs_seed = is_reason & _HAS_SEED[np.where(is_reason, batch.reasons, 0)]
    is_seed = (batch.seeds >= 0) & (batch.seeds < evidence.n_items)
    # What the catalogue lacks is a fault of its own.
    is_young = np.append(evidence.is_young, True)[np.where(batch.is_known, batch.items, -1)]
    return {
        "unknown_reasons": ~is_reason | (batch.reasons == Reason.UNKNOWN),
        "missing_seeds": needs_seed & ~is_seed,
        "needless_seeds": is_reason & ~needs_seed & (batch.seeds != -1),
        "foreign_seeds": needs_seed & is_seed & ~_belongs(batch, kind),
        "false_again": np.isin(batch.reasons, _SAYS_AGAIN) & ~_is_again(batch),
        "false_new": np.isin(batch.reasons, _SAYS_NEW) & ~is_young,
    }


def _belongs(batch: ListBatch, kind: SubjectKind) -> _Bools:
    """Whether the seed is the subject's: an own item of the user, or the item whose list it is."""
    if kind is SubjectKind.ITEM:
        return np.equal(batch.seeds, batch.own_item[batch.rows])
    if kind is SubjectKind.CATEGORY:
        return np.ones(len(batch.rows), dtype=bool)
    days = batch.own.days_of(batch.rows, batch.seeds)
    is_theirs: _Bools = (days != FOREIGN) & ((days != NEVER) | ~np.isin(batch.reasons, _SAYS_CONSUMED))
    return is_theirs


def _is_again(batch: ListBatch) -> _Bools:
    """Whether the user did something with the item; to be due again it was consumed."""
    days = batch.own.days_of(batch.rows, batch.items)
    is_again: _Bools = (days != FOREIGN) & ((days != NEVER) | (batch.reasons != Reason.DUE_AGAIN))
    return is_again


def _missing(batch: ListBatch, evidence: Evidence, demand: Demand, left: _Ints) -> _Ints:
    """How many items each list lacks."""
    listable = int((evidence.is_available & evidence.is_chosen).sum())
    # Where the whole catalogue is too small, that is the fault, and nobody's consumption excuses it.
    needed = np.minimum(demand.min_length, left) if listable >= demand.min_length else demand.min_length
    return np.where(batch.is_even, np.maximum(needed - batch.lengths, 0), 0)
