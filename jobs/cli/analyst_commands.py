"""`reco sql`: one question to the analysts' copy; jobs are imported when it runs."""

import sys
from shutil import get_terminal_size
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.errors import ConfigError
from reco_contracts.settings import get_settings

_SHOWN_ROWS = 50


def register(app: typer.Typer) -> None:
    """Add the command to `reco`."""
    app.command("sql")(sql)


def sql(
    query: Annotated[str, typer.Argument(help="SQL, DuckDB's dialect; `-` reads it from standard input.")],
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=0, help="Rows at most, 0 = all. Default: 50 in a table, all in CSV and JSON."
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask the analysts' copy, and print the answer as a table.

    Opens data/warehouse/analytics.duckdb read-only and only as long as the query
    takes; nobody waits for it, and no run does. Times are UTC. `reco sql "show tables
    from marts"` lists what there is, `reco docs` describes it, docs/analyst-guide.md
    has questions to start from.
    """
    if as_csv and as_json:
        raise ConfigError("--csv and --json exclude each other; give one of them")
    from jobs.cli.answers import WIDE, mapping_of, table_of, write_csv
    from jobs.warehouse.query_analytics import run

    is_table = not (as_csv or as_json)
    rows = limit if limit is not None else _SHOWN_ROWS if is_table else 0
    answer = run(sys.stdin.read() if query == "-" else query, get_settings(), rows or None)
    if as_json:
        print_summary("Answer", mapping_of(answer), as_json)
        return
    if as_csv:
        write_csv(answer, sys.stdout)
    else:
        sys.stdout.write(table_of(answer, get_terminal_size().columns if sys.stdout.isatty() else WIDE))
    sys.stdout.flush()
    if answer.is_cut:
        sys.stderr.write(f"there are more rows: these are the first {len(answer.rows)}, --limit 0 gives all\n")
