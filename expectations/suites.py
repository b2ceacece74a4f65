"""Suites over features and lists, built from the column contracts.

A suite is built here and run by `run_checks`; building reads no data. Every
expectation carries a `check` in its meta: the sentence that a failed run shows.
"""

from datetime import datetime
from typing import Final

import great_expectations as gx
import great_expectations.expectations as gxe

from reco_contracts.columns import FEATURE_TIMESTAMP, DType, Table

# One row a list: what `jobs.measure_lists` measures and `list_suite` judges.
LIST_CHECK_COLUMNS: Final = (
    "subject",
    "list_length",
    "missing_items",
    "duplicate_items",
    "unknown_items",
    "unavailable_items",
    "consumed_items",
    "bad_scores",
    "unknown_reasons",
    "missing_seeds",
)

_LIST_CHECKS: Final = {
    "missing_items": "every list is as long as validate.min_list_length, or holds all that is left for its user",
    "duplicate_items": "no list holds an item twice",
    "unknown_items": "every item is in the generation's catalogue",
    "unavailable_items": "no list holds an item that is not on sale",
    "consumed_items": "no list holds an item that the surface must exclude as seen",
    "bad_scores": "every score is a finite number",
    "unknown_reasons": "every item has a known reason",
    "missing_seeds": "every reason that names an item of the user's has one",
}


def feature_suite(table: Table, timestamp: datetime, min_rows: int = 1) -> gx.ExpectationSuite:
    """The checks on one partition of a feature view.

    Args:
        table: the view's column contract.
        timestamp: the only value that `feature_timestamp` may have (UTC).
        min_rows: fewer rows fail.

    Returns:
        A suite named after the view.
    """
    key = tuple(name for name in table.key if name != FEATURE_TIMESTAMP)
    checks: list[gxe.Expectation] = [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=list(table.column_names), meta=_check("the columns are the contract's, in its order")
        ),
        gxe.ExpectTableRowCountToBeBetween(min_value=min_rows, meta=_check(f"at least {min_rows:,} rows")),
        *(gxe.ExpectColumnValuesToBeUnique(column=name, meta=_check(f"one row a {name}")) for name in key),
        gxe.ExpectColumnValuesToBeBetween(
            column=FEATURE_TIMESTAMP,
            min_value=timestamp,
            max_value=timestamp,
            meta=_check(f"every row is dated {timestamp.isoformat()}"),
        ),
    ]
    for column in table.columns:
        if not column.nullable:
            checks.append(gxe.ExpectColumnValuesToNotBeNull(column=column.name, meta=_check(f"{column.name} is given")))
        if column.dtype is DType.INT64:
            checks.append(
                gxe.ExpectColumnValuesToBeBetween(
                    column=column.name, min_value=0, meta=_check(f"{column.name} is not negative")
                )
            )
    return gx.ExpectationSuite(name=table.name, expectations=checks)


def list_suite(surface: str, min_lists: int, max_length: int) -> gx.ExpectationSuite:
    """The checks on the lists of one surface and variant.

    Args:
        surface: the surface's name.
        min_lists: fewer lists fail.
        max_length: longer lists fail; items.

    Returns:
        A suite named `<surface> lists`.
    """
    checks: list[gxe.Expectation] = [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=list(LIST_CHECK_COLUMNS), meta=_check("every list was measured")
        ),
        gxe.ExpectTableRowCountToBeBetween(min_value=min_lists, meta=_check(f"at least {min_lists:,} lists")),
        gxe.ExpectColumnValuesToNotBeNull(column="subject", meta=_check("every list has a subject")),
        gxe.ExpectColumnValuesToBeUnique(column="subject", meta=_check("one list a subject")),
        gxe.ExpectColumnValuesToBeBetween(
            column="list_length",
            max_value=max_length,
            meta=_check(f"no list has more than {max_length} items"),
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(column=column, min_value=0, max_value=0, meta=_check(sentence))
            for column, sentence in _LIST_CHECKS.items()
        ),
    ]
    return gx.ExpectationSuite(name=f"{surface} lists", expectations=checks)


def _check(sentence: str) -> dict[str, str]:
    return {"check": sentence}
