"""Commands that check what a run is about to release."""

from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, RunDate, print_summary
from reco_contracts.settings import get_settings


def validate_features(run_date: RunDate, as_json: JsonFlag = False) -> None:
    """Check the feature partitions of one day with Great Expectations.

    Ends with exit code 5 and the names of the failed checks when the features
    may not be released. The HTML report goes to reports/DATE/data_docs/features.
    """
    from jobs.validate_outputs import validate_features as run

    print_summary("Features checked", run(run_date.date(), get_settings()), as_json)


def validate_lists(
    run_date: RunDate,
    generation: Annotated[str, typer.Option(help="The list folder to check, as printed by `reco rank`.")],
    as_json: JsonFlag = False,
) -> None:
    """Check every list of a generation before it is published.

    Each list: ranks without a gap, no item twice, none that is not on sale,
    blocked for its audience or seen, reasons that are true of their user. All of
    them together: coverage, diversity, exposure and what users keep from the
    generation before, within the limits of [validate]. Whatever does not hold
    stops the run. The HTML report goes to reports/DATE/data_docs/lists.
    """
    from jobs.validate_outputs import validate_lists as run

    print_summary("Lists checked", run(generation, run_date.date(), get_settings()), as_json)


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("validate-features")(validate_features)
    app.command("validate-lists")(validate_lists)
