"""How old the newest row of each source is, as `dbt source freshness` found it."""

from pathlib import Path
from typing import Any, Final

import msgspec

from reco_contracts.errors import ValidationFailedError

_HOUR_SECONDS: Final = 3_600
_DAY_HOURS: Final = 24
_CENTURY_HOURS: Final = 100 * 365 * _DAY_HOURS  # dbt dates an empty source in the year 1


class SourceAge(msgspec.Struct, frozen=True):
    """One source of sources.json.

    Attributes:
        unique_id: `source.<package>.<group>.<table>`.
        status: pass, warn, error, or runtime error.
        max_loaded_at_time_ago_in_s: age of the newest row; absent where it could not be asked.
    """

    unique_id: str
    status: str
    max_loaded_at_time_ago_in_s: float | None = None

    def __str__(self) -> str:
        """The table and its age."""
        name = self.unique_id.rpartition(".")[2]
        if self.max_loaded_at_time_ago_in_s is None:
            return f"{name} (cannot be read)"
        hours = self.max_loaded_at_time_ago_in_s / _HOUR_SECONDS
        if hours > _CENTURY_HOURS:
            return f"{name} (empty)"
        return f"{name} ({hours:.0f} hours)" if hours < 2 * _DAY_HOURS else f"{name} ({hours / _DAY_HOURS:.0f} days)"


class SourceAges(msgspec.Struct, frozen=True):
    """sources.json, what we read of it."""

    results: list[SourceAge]


def summarise_freshness(path: Path) -> dict[str, Any]:
    """Say which sources are fresh, and which are getting old.

    Args:
        path: dbt's sources.json.

    Raises:
        ValidationFailedError: a source is older than its `error_after`.
    """
    ages = msgspec.json.decode(path.read_bytes(), type=SourceAges).results if path.exists() else []
    stale = [str(age) for age in ages if age.status not in ("pass", "warn")]
    if stale:
        raise ValidationFailedError(
            f"{len(stale)} of {len(ages)} sources are too old or empty: {', '.join(sorted(stale))}. "
            "Did the log arrive (data/inbox), and did landing and publishing run? Limits are in "
            "dbt_project/models/sources/_reco__sources.yml"
        )
    return {
        "fresh": sorted(str(age) for age in ages if age.status == "pass"),
        "warned": sorted(str(age) for age in ages if age.status == "warn"),
    }
