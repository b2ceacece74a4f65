"""The page about a run: what is there is shown, what is missing says so, a failed task makes it red."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from jobs.landing.ledger import LedgerEntry, write_entry
from jobs.operations import report_run
from jobs.operations.report_run import raise_if_red, run
from reco_contracts.errors import ContractError, RecoError
from reco_contracts.manifests import ListsManifest, ModelManifest, encode_manifest
from reco_contracts.serving_settings import RedisSection
from reco_contracts.settings import PathsSection, Settings, load_settings

DAY = date(2026, 1, 31)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        paths=PathsSection(data=tmp_path),
        redis=RedisSection(url="redis://127.0.0.1:1/0", connect_timeout_seconds=0.2),
    )


def _entry(sha: str, **changes: Any) -> LedgerEntry:
    values: dict[str, Any] = {
        "kind": "events",
        "file_name": f"{sha}.csv",
        "path": f"/in/{sha}.csv",
        "file_sha": sha,
        "content_sha": sha,
        "format": "events",
        "state": "landed",
        "size_bytes": 1,
        "mtime_ns": 1,
        "lines_in": 10,
        "landed": 7,
        "quarantined": 3,
        "quarantined_by_reason": {"bad_time": 2, "missing_user": 1},
        "event_dates": [DAY],
        "landed_at": "2026-02-01T00:00:00Z",
    }
    return LedgerEntry(**(values | changes))


def test_landing_adds_up_over_the_files_that_count(settings: Settings) -> None:
    for entry in (
        _entry("a"),
        _entry("b", quarantined_by_reason={"bad_time": 3}),
        _entry("c", state="unlanded"),
        _entry("d", kind="items"),
        _entry("e", replays="a", lines_in=2, landed=2, quarantined=0, replayed_by_reason={"bad_time": 2}),
        _entry("f", replays="b", state="unlanded", replayed_by_reason={"bad_time": 3}),
    ):
        write_entry(settings.layout, entry)
    assert run(DAY, settings)["landing"] == {
        "files": 2,
        "lines_in": 20,
        "landed": 16,
        "quarantined": 4,
        "quarantined_by_reason": {"bad_time": 3, "missing_user": 1},
        "replayed": 2,
        "last_event_date": DAY,
        "duplicates_removed": None,
    }


def test_duplicates_come_from_the_analysts_copy(settings: Settings) -> None:
    settings.layout.analytics.parent.mkdir(parents=True)
    rows = "('events', 'landed', 5), ('events', 'landed', 2), ('events', 'unlanded', 9), ('items', 'landed', 1)"
    with duckdb.connect(str(settings.layout.analytics)) as copy:
        copy.execute("create schema marts")
    assert run(DAY, settings)["landing"]["duplicates_removed"] is None
    with duckdb.connect(str(settings.layout.analytics)) as copy:
        copy.execute("create table marts.rpt_data_quality (kind varchar, state varchar, duplicate_rows bigint)")
        copy.execute(f"insert into marts.rpt_data_quality values {rows}")  # noqa: S608 - written above
    assert run(DAY, settings)["landing"]["duplicates_removed"] == 7


def test_a_run_that_came_to_nothing_still_has_its_page(settings: Settings) -> None:
    page = run(DAY, settings)
    assert page["evaluation"] == "not made"
    assert page["checks"] == {"features": "not made", "lists": "not made"}
    assert page["lists"] == {}
    assert page["generation"] == "not made"
    assert page["live"] == "unknown, the store cannot be reached"
    assert run(None, settings)["run_date"] is None


def test_a_pointer_of_another_version_does_not_hide_the_page(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def foreign_store(_section: RedisSection) -> Iterator[None]:
        raise ContractError("GenerationManifest: another version")
        yield

    monkeypatch.setattr(report_run, "open_store", foreign_store)
    assert run(DAY, settings)["live"] == "unknown: GenerationManifest: another version"


def test_checks_verdict_and_the_days_last_generation_are_shown(settings: Settings) -> None:
    report = settings.layout.report(DAY)
    report.mkdir(parents=True)
    (report / "evaluation.json").write_text('{"sentence": "als beats popularity", "verdict": "beats"}')
    (report / "checks_features.json").write_text('{"checks": 8, "failed": []}')
    measured = '{"home default": {"lists": 9, "sentence": "9 lists; coverage 0.81"}}'
    said = '"failed": ["home: unique items - 3 lists"], "measured": ' + measured
    (report / "checks_lists.json").write_text('{"checks": 9, ' + said + "}")
    for name, day in (("20260131-001", DAY), ("20260131-002", DAY), ("20260201-001", date(2026, 2, 1))):
        manifest = ListsManifest(
            generation=name,
            run_date=day.isoformat(),
            model_version=f"als-{name}",
            n_items=1,
            popular_windows_days=(30,),
            lists={},
            settings={},
        )
        (settings.layout.lists / name).mkdir(parents=True)
        (settings.layout.lists / name / "manifest.json").write_bytes(encode_manifest(manifest))
    page = run(DAY, settings)
    assert page["evaluation"] == "als beats popularity"
    assert page["checks"] == {"features": "passed", "lists": "1 of 9 failed: home: unique items - 3 lists"}
    assert page["lists"] == {"home default": "9 lists; coverage 0.81"}
    assert page["generation"] == "20260131-002, ranked by als-20260131-002"
    assert msgspec.json.encode(page, enc_hook=str)


def test_a_day_without_training_shows_how_its_model_was_judged(settings: Settings) -> None:
    model = ModelManifest(
        model_version="als-20260130-001",
        model="als",
        run_date="2026-01-30",
        parameters={},
        data={},
        metrics={"sentence": "als beats popularity"},
        code_version="0",
        seed=1,
    )
    lists = ListsManifest(
        generation="20260131-001",
        run_date=DAY.isoformat(),
        model_version=model.model_version,
        n_items=1,
        popular_windows_days=(30,),
        lists={},
        settings={},
    )
    for folder, manifest in (
        (settings.layout.models / model.model_version, model),
        (settings.layout.lists / lists.generation, lists),
    ):
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_bytes(encode_manifest(manifest))
    said = run(DAY, settings)["evaluation"]
    assert said == "not due; of 2026-01-30, when als-20260130-001 was trained: als beats popularity"


def test_a_failed_task_makes_the_report_red_and_is_named() -> None:
    with pytest.raises(RecoError, match=r"2026-01-31 is red: model.train failed. Live: 20260130-001"):
        raise_if_red(DAY, ["model.train"], "20260130-001")
    raise_if_red(DAY, [], "20260130-001")
