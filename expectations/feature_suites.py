"""Suites over features, built from the column contracts.

A suite is built here and run by `run_checks`; building reads no data. Every
expectation carries a `check` in its meta: the sentence that a failed run shows.
"""

from datetime import datetime

import great_expectations as gx
import great_expectations.expectations as gxe

from reco_contracts.columns import FEATURE_TIMESTAMP, DType, Table


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


def _check(sentence: str) -> dict[str, str]:
    return {"check": sentence}
