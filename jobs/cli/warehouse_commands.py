"""Commands of `reco` from the warehouse to the features; jobs are imported when they run."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, RunDate, print_summary
from reco_contracts.settings import get_settings

_SUNDAY = 7
_DBT_CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("dbt", context_settings=_DBT_CONTEXT)(dbt)
    app.command("docs")(docs)
    app.command("export-marts")(export_marts)
    app.command("copy-analytics")(copy_analytics)
    app.command("build-features")(build_features)
    app.command("apply-features")(apply_features)
    app.command("publish-features")(publish_features)


def dbt(
    context: typer.Context,
    run_date: Annotated[
        datetime | None,
        typer.Option("--run-date", formats=["%Y-%m-%d"], help="The day that the run is for; named in the summary."),
    ] = None,
    all_dates: Annotated[
        bool, typer.Option("--all-dates", help="Test every date, not only those that changed since their tests passed.")
    ] = False,
    all_dates_on_sunday: Annotated[
        bool, typer.Option("--all-dates-on-sunday", help="The same, when the run date is a Sunday.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run dbt on the warehouse, with project, profile and variables from reco.toml.

    Everything else is dbt's own: `reco dbt build --select tag:inputs` makes the marts
    of what was landed (the dates that changed; `--full-refresh` makes all of them anew),
    `--select tag:outcomes` what was published; `reco dbt docs generate`
    writes the documentation, `reco dbt source freshness` says how old the newest file is.
    Compiled SQL, docs and logs lie in the data folder under `dbt/`.
    """
    from jobs.warehouse.run_dbt import run

    day = run_date.date() if run_date else None
    is_weekly = all_dates_on_sunday and day is not None and day.isoweekday() == _SUNDAY
    summary = run(context.args, get_settings(), day, all_dates=all_dates or is_weekly)
    print_summary("Ran dbt", summary, as_json)


def docs(
    out: Annotated[Path | None, typer.Option("--out", help="The HTML file. Default: docs/ in the data folder.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the warehouse's documentation as one HTML page with lineage, and count what is described and tested.

    It opens from disk and needs no server. Names of what has no description or no test are in the summary.
    """
    from jobs.warehouse.build_docs import run

    print_summary("Documented the warehouse", run(get_settings(), out), as_json)


def export_marts(run_date: RunDate, as_json: JsonFlag = False) -> None:
    """Write the marts to data/exports as Parquet, and say what became of every landed line.

    Features and models read these files, so that no job but dbt holds the warehouse.
    """
    from jobs.warehouse.export_marts import run

    print_summary("Exported marts", run(run_date.date(), get_settings()), as_json)


def copy_analytics(as_json: JsonFlag = False) -> None:
    """Renew data/warehouse/analytics.duckdb, the copy that analysts may query at any moment.

    It is moved in as a whole: who has the old copy open keeps reading it. Reports and
    dimensions are then written from it to data/exports, as Parquet.
    """
    from jobs.warehouse.copy_analytics import run

    print_summary("Renewed the analysts' copy", run(get_settings()), as_json)


def build_features(run_date: RunDate, as_json: JsonFlag = False) -> None:
    """Compute the features of users and items as they are at the end of a day.

    Reads the exported marts up to and including the run date, and writes one
    partition a view: data/features/<view>/event_date=<run date>/part.parquet.
    """
    from jobs.features.build_features import run

    print_summary("Built features", run(run_date.date(), get_settings()), as_json)


def apply_features(as_json: JsonFlag = False) -> None:
    """Register the feature definitions (feature_repo/) with Feast. Safe to repeat."""
    from jobs.features.apply_features import run

    print_summary("Applied feature definitions", run(get_settings()), as_json)


def publish_features(run_date: RunDate, as_json: JsonFlag = False) -> None:
    """Write one day's features into the online store, in Feast's format. Safe to repeat.

    Needs `reco build-features` for the same day and `reco apply-features` before.
    """
    from jobs.features.publish_features import run

    print_summary("Published features", run(run_date.date(), get_settings()), as_json)
