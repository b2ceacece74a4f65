"""The rows of erased users in what landing has checked: set aside as rejected, without their text.

A line of an erased user is in quarantine as `forgotten_user`, whether it was landed
before the erasure or comes after it. So the account of the lines stays true: nothing
was lost, and nothing says whose it was.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import polars as pl

from jobs.forgetting.tombstone_file import Forgotten
from jobs.landing.landed_schema import CheckedRecords
from reco_contracts.events import RejectReason

USER: Final = "user_id"
_DETAIL: Final = "the user was erased"
# What stands between the fields of a line, and the texts in a JSON object.
_FIELDS: Final = re.compile(r"[,;\t]")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def set_aside(checked: CheckedRecords, kind: str, forgotten: Forgotten) -> CheckedRecords:
    """Move the valid rows of erased users to the rejected ones, and blank those that are there.

    Args:
        checked: records of a file, split.
        kind: events, items or users; items are nobody's.
        forgotten: who was erased.
    """
    if not forgotten or kind == "items":
        return checked
    rejected = blank_rejected(checked.rejected, forgotten.__contains__)
    is_theirs = forgotten.holds(USER)
    moved = rejected_rows(checked.valid.filter(is_theirs)).select(
        pl.col(name).cast(dtype) for name, dtype in rejected.schema.items()
    )
    if moved.is_empty():
        return CheckedRecords(checked.valid, rejected)
    return CheckedRecords(checked.valid.filter(~is_theirs), pl.concat([rejected, moved]).sort("line"))


def rejected_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `line` and `event_date` as rejected ones; other columns are kept."""
    return rows.with_columns(
        reason=pl.lit(RejectReason.FORGOTTEN_USER.value), detail=pl.lit(_DETAIL), raw=pl.lit(""), fields=pl.lit("{}")
    )


def blank_rejected(rejected: pl.DataFrame, is_forgotten: Callable[[str], bool]) -> pl.DataFrame:
    """Take the text out of rejected rows of some users.

    A row that could not be read may be anybody's: each of its fields is taken for a user's id.

    Args:
        rejected: `raw`, `fields`, `reason` and `detail`.
        is_forgotten: whether this is the id of one of them.
    """
    users = rejected["fields"].str.json_path_match(f"$.{USER}")
    raw = rejected["raw"].to_list()
    is_theirs = pl.Series(
        [
            is_forgotten(user) if user is not None else any(map(is_forgotten, _possible_ids(text)))
            for user, text in zip(users, raw, strict=True)
        ],
        dtype=pl.Boolean,
    )
    if not is_theirs.any():
        return rejected
    blank = rejected_rows(rejected).select(rejected.columns)
    return rejected.select(
        pl.when(is_theirs).then(blank[name]).otherwise(pl.col(name)).alias(name) for name in rejected.columns
    )


def _possible_ids(text: str) -> set[str]:
    """Every piece of a line that may be an id."""
    # What stands between quotes too, also where the last one is missing.
    pieces = {piece.strip(" \"'") for piece in _FIELDS.split(text)} | {*text.split('"'), text.strip()}
    for quoted in _QUOTED.findall(text):
        try:
            decoded: Any = msgspec.json.decode(quoted)
        except msgspec.DecodeError:
            continue
        pieces.add(decoded)
    return pieces - {""}
