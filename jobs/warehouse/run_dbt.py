"""Run dbt on the warehouse with the settings of reco.toml.

dbt is a subprocess of the same interpreter; what it leaves behind (compiled SQL,
results, logs) lies below the data folder, so that two data folders never mix.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from jobs.warehouse.keep_good_marts import ACCOUNT
from jobs.warehouse.read_freshness import summarise_freshness
from jobs.warehouse.start_dbt import BUILDING, RESULTS_FILE
from reco_contracts.artifacts import Layout, published_generations
from reco_contracts.errors import ConfigError, ContractError, ValidationFailedError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings

_log = get_logger(__name__)
PROJECT_FOLDER: Final = Path(__file__).resolve().parents[2] / "dbt_project"
_SOURCES_FILE: Final = "sources.json"
_TESTS: Final = ("test", "unit_test")
_FAILED: Final = ("error", "fail", "runtime error", "partial success")
# dbt looks through all variables for secrets with each line that it logs, so that it gets those that it may need.
_INHERITED: Final = (
    "DBT_",
    "RECO_",
    "PYTHON",
    "PATH",
    "LD_",
    "HOME",
    "TMP",
    "TEMP",
    "TZ",
    "LANG",
    "LC_",
    "VIRTUAL_ENV",
)
_SHOWN_FAILURES: Final = 10
_SHOWN_ROWS: Final = 5
_ROW_WIDTH: Final = 300


class DbtResult(msgspec.Struct, frozen=True):
    """One node of run_results.json.

    Attributes:
        unique_id: `<type>.<package>.<name>`, and more for tests.
        status: how it ended, in dbt's words.
        message: what dbt says of it.
        failures: rows that a test found.
        compiled_code: the SQL that ran.
    """

    unique_id: str
    status: str
    message: str | None = None
    failures: int | None = None
    compiled_code: str | None = None

    @property
    def resource_type(self) -> str:
        """What the node is: model, test, unit_test, operation, exposure."""
        return self.unique_id.split(".", 1)[0]

    @property
    def name(self) -> str:
        """The node's own name."""
        return self.unique_id.split(".")[2 if self.resource_type != "unit_test" else -1]


class DbtResults(msgspec.Struct, frozen=True):
    """run_results.json, what we read of it."""

    results: list[DbtResult]


def dbt_variables(settings: Settings) -> dict[str, Any]:
    """The project's variables, named as in dbt_project.yml; what they say is the same in every run."""
    sections = (settings.interactions, settings.engagement, settings.catalogue)
    return {name: value for section in sections for name, value in section.model_dump(mode="json").items()}


def dbt_environment(
    settings: Settings, list_generations: Sequence[str] = (), *, all_dates: bool = False
) -> dict[str, str]:
    """The environment variables that profiles.yml and the macros read, and dbt's own paths.

    What changes from run to run is here and not among dbt's variables, for another
    variable makes dbt parse the whole project again, another value here one file.

    Args:
        settings: of the product.
        list_generations: the published generations whose lists are kept.
        all_dates: tests look at every date, not only at those that they have not passed yet.
    """
    layout = settings.layout
    return {
        "RECO_PATHS__DATA": str(layout.root),
        "RECO_WAREHOUSE__THREADS": str(settings.warehouse.threads),
        "RECO_WAREHOUSE__MEMORY_LIMIT": settings.warehouse.memory_limit,
        "RECO_DBT_LIST_GENERATIONS": msgspec.json.encode(list_generations).decode(),
        "RECO_DBT_TEST_ALL_DATES": "true" if all_dates else "false",
        "DBT_TARGET_PATH": str(target_folder(layout)),
        "DBT_LOG_PATH": str(layout.root / "dbt" / "logs"),
        # Thousands of lines a build; `--log-level-file debug` has them, SQL with its seconds.
        "DBT_LOG_LEVEL_FILE": "none",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def target_folder(layout: Layout) -> Path:
    """Where dbt leaves compiled SQL, the manifest, results and docs."""
    return layout.root / "dbt" / "target"


def dbt_command(arguments: list[str], variables: dict[str, Any]) -> list[str]:
    """The command line: the caller's arguments and where the project is.

    Raises:
        ConfigError: no dbt command was given, or the caller sets variables.
    """
    if not arguments:
        raise ConfigError("`reco dbt` needs a dbt command, for example `reco dbt build --select tag:inputs`")
    if any(argument.split("=", 1)[0] == "--vars" for argument in arguments):
        raise ConfigError("dbt's variables come from reco.toml and RECO_* variables; set them there, not with --vars")
    folder = str(PROJECT_FOLDER)
    return [
        # -P keeps the working directory off sys.path: dbt imports every module there that is called dbt_*.
        *(sys.executable, "-P", "-m", "jobs.warehouse.start_dbt", *arguments),
        *("--project-dir", folder, "--profiles-dir", folder, "--vars", msgspec.json.encode(variables).decode()),
    ]


def summarise_results(results: list[DbtResult], find_rows: Callable[[str], list[str]] = lambda _: []) -> dict[str, Any]:
    """Count nodes by type and outcome.

    Args:
        results: of the run.
        find_rows: gives the first rows of a failed test's SQL; asked for those that are shown.

    Raises:
        ValidationFailedError: a test failed; names each one, with the rows that it found.
        ContractError: a model could not be built.
    """
    failed = [result for result in results if result.status in _FAILED]
    if failed:
        lines = [line for result in failed[:_SHOWN_FAILURES] for line in _failure_lines(result, find_rows)]
        if len(failed) > _SHOWN_FAILURES:
            lines.append(f"  and {len(failed) - _SHOWN_FAILURES} more")
        is_test = any(result.resource_type in _TESTS for result in failed)
        raise (ValidationFailedError if is_test else ContractError)(
            f"dbt: {len(failed)} of {len(results)} nodes failed; nothing after them may run\n" + "\n".join(lines)
        )
    types = Counter(result.resource_type for result in results)
    statuses = Counter(result.status for result in results)
    return {
        "models": types["model"],
        "tests": sum(types[name] for name in _TESTS),
        "passed": statuses["success"] + statuses["pass"],
        "failed": 0,
        "warned": statuses["warn"],
    }


def run(
    arguments: list[str], settings: Settings, run_date: date | None = None, *, all_dates: bool = False
) -> dict[str, Any]:
    """Run one dbt command and wait for it; its output streams through.

    Args:
        arguments: dbt's own, such as `["build", "--select", "tag:inputs"]`.
        settings: of the product.
        run_date: the day that the run is for; the marts hold every landed day, so it only names the run.
        all_dates: tests look at every date, not only at those that they have not passed yet.

    Raises:
        ConfigError: the arguments are wrong, or this is no checkout.
        ValidationFailedError: a test failed, or a source is too old.
        ContractError: a model could not be built, or dbt could not start.
    """
    if not PROJECT_FOLDER.is_dir():
        raise ConfigError(f"{PROJECT_FOLDER} is not there; install the project from its checkout (`pip install -e .`)")
    layout = settings.layout
    generations = published_generations(layout)[-settings.warehouse.kept_generations :]
    command = dbt_command(arguments, dbt_variables(settings))
    environment = dbt_environment(settings, generations, all_dates=all_dates)
    layout.warehouse.parent.mkdir(parents=True, exist_ok=True)
    results_file, sources_file = (target_folder(layout) / name for name in (RESULTS_FILE, _SOURCES_FILE))
    for file in (results_file, sources_file):
        file.unlink(missing_ok=True)
    started = time.monotonic()
    sys.stdout.flush()
    inherited = {name: value for name, value in os.environ.items() if name.startswith(_INHERITED)}
    exit_code = subprocess.run(command, env=inherited | environment, check=False).returncode
    is_building = any(argument in BUILDING for argument in arguments)
    results = _read_results(results_file) if is_building else []
    if any(result.name in ACCOUNT and result.status == "skipped" for result in results):
        _account_for_lines(settings, inherited | environment)
    find_rows = partial(read_failing_rows, layout.warehouse)
    summary = summarise_results(results, find_rows) if is_building else {}
    if "freshness" in arguments:
        summary = summarise_freshness(sources_file)
    if exit_code != 0:
        raise ContractError(f"dbt {arguments[0]} ended with code {exit_code}; its own message is above")
    return {"run_date": run_date, **summary, "seconds": round(time.monotonic() - started, 1)}


def _account_for_lines(settings: Settings, environment: dict[str, str]) -> None:
    """Make the account of the lines all the same: it says why the build was refused. Its tests have no say here."""
    _log.info("the build was refused; its account of the lines follows")
    results_file = target_folder(settings.layout) / RESULTS_FILE
    refused = results_file.read_bytes()
    command = dbt_command(["run", "--select", *(f"+{name}" for name in ACCOUNT), "--quiet"], dbt_variables(settings))
    subprocess.run(command, env=environment, check=False)
    results_file.write_bytes(refused)  # `dbt retry` and people look there


def _read_results(path: Path) -> list[DbtResult]:
    """The nodes of the run; none where the command writes no results, or ended before it could."""
    return msgspec.json.decode(path.read_bytes(), type=DbtResults).results if path.exists() else []


def read_failing_rows(warehouse: Path, query: str) -> list[str]:
    """The first rows that a test found, a line each; of a test of rules, the rules that are broken.

    Args:
        warehouse: the database file.
        query: the test's SQL.
    """
    import duckdb

    with duckdb.connect(warehouse, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.sql(query)
        rows = found.limit(_SHOWN_ROWS).fetchall()
        return [", ".join(f"{name} = {value}" for name, value in zip(found.columns, row, strict=True)) for row in rows]


def _failure_lines(result: DbtResult, find_rows: Callable[[str], list[str]]) -> list[str]:
    """What failed, and under a data test the rows that it found."""
    has_rows = result.resource_type == "test" and result.status == "fail" and result.compiled_code
    rows = find_rows(result.compiled_code) if has_rows and result.compiled_code else []
    return [f"  {result.resource_type} {result.name}: {_reason(result)}", *(f"    {row[:_ROW_WIDTH]}" for row in rows)]


def _reason(result: DbtResult) -> str:
    """The first line of dbt's message that says something."""
    lines = [line.strip() for line in (result.message or result.status).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else result.status
