"""Suites over lists: what every list promises, and what a generation promises as a whole."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import great_expectations as gx
import great_expectations.expectations as gxe

# One row a list, a column a fault: how much of it the list has.
LIST_CHECKS: Final = {
    "missing_subject": "every list has a subject",
    "repeated_subject": "one list a subject",
    "unknown_subject": "the subject of an item's list is in the generation's catalogue",
    "uneven_columns": "every place of a list has an item, a score, a reason and a seed or none",
    "missing_items": "every list is as long as validate.min_list_length, or holds all that is left for its user",
    "extra_items": "no list is longer than its surface's k",
    "padded_items": "ranks run from 1 to the length of the list, no place is empty",
    "duplicate_items": "no list holds an item twice",
    "unknown_items": "every item is in the generation's catalogue",
    "unavailable_items": "no list holds an item that is not on sale",
    "blocked_items": "no list holds an item that a rule keeps from its audience",
    "seen_items": "no list holds an item that the surface must exclude as seen",
    "own_subject_items": "no item is in its own list",
    "bad_scores": "every score is a finite number",
    "unknown_reasons": "every item has a known reason",
    "missing_seeds": "every reason that names an item has one, of the catalogue",
    "needless_seeds": "no other reason has one",
    "foreign_seeds": "the item that a reason names is the user's own, or the one whose list it is",
    "false_again": "what is shown again was in the user's history",
    "false_new": "what is called new is new",
}
LIST_CHECK_COLUMNS: Final = ("surface", "variant", "subject", *LIST_CHECKS)
# One row a surface and variant; null where a surface promises nothing of the kind.
WHOLE_CHECK_COLUMNS: Final = (
    "surface",
    "variant",
    "unexpected_lists",
    "missing_lists",
    "coverage",
    "diverse_share",
    "exposure_gini",
    "overlap",
)


@dataclass(frozen=True, slots=True)
class WholePromises:
    """Limits of a generation; None = measured, and not held against anything.

    Attributes:
        min_users_share: share of users with a history who must have a list.
        min_coverage: share of the items on sale that must be among somebody's first 10.
        min_diversity: distinct categories / length that a list shall reach on its first 10.
        min_diverse_share: share of lists that must reach it, where enough categories are left for their user.
        max_gini: inequality of exposure, at most.
        overlap_low: mean share of their first 10 that users keep from the generation before, at least.
        overlap_high: the same, at most.
    """

    min_users_share: float
    min_coverage: float | None
    min_diversity: float
    min_diverse_share: float | None
    max_gini: float | None
    overlap_low: float
    overlap_high: float


def list_suite(lists_of: str, only_elsewhere: Collection[str] = ()) -> gx.ExpectationSuite:
    """The checks on each list of some surfaces.

    Args:
        lists_of: whose lists these are: "users", "items" or "categories".
        only_elsewhere: columns of LIST_CHECKS that mean nothing for such lists.

    Returns:
        A suite named `lists of <lists_of>`.
    """
    measured = gxe.ExpectTableColumnsToMatchSet(
        column_set=list(LIST_CHECK_COLUMNS), exact_match=True, meta=_check("every list was measured")
    )
    checks = [_zero(column, sentence) for column, sentence in LIST_CHECKS.items() if column not in only_elsewhere]
    return gx.ExpectationSuite(name=f"lists of {lists_of}", expectations=[measured, *checks])


def whole_suite(promises: WholePromises) -> gx.ExpectationSuite:
    """The checks on all lists together.

    Args:
        promises: the limits.

    Returns:
        A suite named `lists as a whole`.
    """
    low, high = promises.overlap_low, promises.overlap_high
    users = f"{promises.min_users_share:.0%} of the users with a history"
    checks: list[gxe.Expectation] = [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=list(WHOLE_CHECK_COLUMNS), meta=_check("every surface was measured")
        ),
        _zero("unexpected_lists", "there are as many lists as the manifest says"),
        _zero(
            "missing_lists", f"no surface is empty, and at least {users} have a home list (validate.min_users_share)"
        ),
        _between(
            "overlap", f"users keep {low:.2g} to {high:.2g} of their first 10 from the generation before", low, high
        ),
    ]
    if (least := promises.min_coverage) is not None:
        sentence = f"at least {least:.0%} of what may be shown is among somebody's first 10 (validate.min_coverage)"
        checks.append(_between("coverage", sentence, least, None))
    if (least := promises.min_diverse_share) is not None:
        sentence = (
            f"at least {least:.0%} of the lists have a diversity of {promises.min_diversity:.2g} on their first 10, "
            "where enough categories are left for their user (validate.min_diverse_share)"
        )
        checks.append(_between("diverse_share", sentence, least, None))
    if (most := promises.max_gini) is not None:
        sentence = f"the Gini index of exposure is at most {most:.3g} (validate.max_gini)"
        checks.append(_between("exposure_gini", sentence, None, most))
    return gx.ExpectationSuite(name="lists as a whole", expectations=checks)


def _zero(column: str, sentence: str) -> gxe.Expectation:
    return _between(column, sentence, 0, 0)


def _between(column: str, sentence: str, low: float | None, high: float | None) -> gxe.Expectation:
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta=_check(sentence))


def _check(sentence: str) -> dict[str, str]:
    return {"check": sentence}
