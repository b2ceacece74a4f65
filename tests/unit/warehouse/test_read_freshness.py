from pathlib import Path

import msgspec
import pytest

from jobs.warehouse.read_freshness import summarise_freshness
from reco_contracts.errors import ValidationFailedError


def sources_file(folder: Path, **ages: tuple[str, float | None]) -> Path:
    """sources.json as dbt writes it; source -> status and age in hours."""
    results = [
        {"unique_id": f"source.reco.reco.{name}", "status": status, "criteria": {}}
        | ({} if hours is None else {"max_loaded_at_time_ago_in_s": hours * 3600})
        for name, (status, hours) in ages.items()
    ]
    path = folder / "sources.json"
    path.write_bytes(msgspec.json.encode({"metadata": {}, "results": results}))
    return path


def test_fresh_and_ageing_sources_are_named_with_their_age(tmp_path: Path) -> None:
    path = sources_file(tmp_path, ledger=("pass", 3.2), events=("pass", 0.1), items=("warn", 24 * 40))
    assert summarise_freshness(path) == {
        "fresh": ["events (0 hours)", "ledger (3 hours)"],
        "warned": ["items (40 days)"],
    }


def test_a_stale_an_empty_and_an_unreadable_source_stop_the_command(tmp_path: Path) -> None:
    path = sources_file(
        tmp_path,
        events=("error", 24 * 9),
        ledger=("error", 24 * 365 * 2025),
        users=("runtime error", None),
        items=("pass", 1),
    )
    with pytest.raises(ValidationFailedError) as raised:
        summarise_freshness(path)
    message = str(raised.value)
    assert message.startswith("3 of 4 sources are too old or empty: ")
    for part in ("events (9 days)", "ledger (empty)", "users (cannot be read)", "data/inbox"):
        assert part in message
    assert "items" not in message


def test_without_a_result_there_is_nothing_to_say(tmp_path: Path) -> None:
    """Dbt could not start; its own exit code speaks."""
    assert summarise_freshness(tmp_path / "sources.json") == {"fresh": [], "warned": []}
