"""The process of one dbt command: dbt's own, without what a process that ends in seconds need not do.

`reco dbt` starts it; beside dbt only this file is loaded. On a small day this is half
of what a build takes, so it is worth saying what is left out: collecting garbage,
generating code for classes that nobody uses, writing the manifest that the build
before has left, and taking everything apart at the end.
"""

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

# Commands whose results say what was built and tested; `docs generate` reports compiled nodes as successes.
BUILDING: Final = ("build", "run", "test", "retry", "seed", "snapshot")
RESULTS_FILE: Final = "run_results.json"


def main(arguments: list[str]) -> int:
    """Run dbt, and leave its results in the target folder.

    A build leaves no manifest.json: it costs as much as ten models, and `docs generate`, `parse` and `ls` write it.

    Args:
        arguments: dbt's own.

    Returns:
        dbt's exit code: 1 where a node failed, 2 where dbt could not run.
    """
    gc.disable()
    from mashumaro.config import BaseConfig

    BaseConfig.lazy_compilation = True  # before dbt's classes, all of which inherit it

    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.exceptions import DbtUsageException
    from dbt.cli.main import dbtRunner

    is_building = any(argument in BUILDING for argument in arguments)
    if is_building:
        os.environ.setdefault("DBT_WRITE_JSON", "false")
    outcome = dbtRunner().invoke(arguments)
    if is_building and isinstance(outcome.result, RunExecutionResult):
        outcome.result.write(str(Path(os.environ["DBT_TARGET_PATH"]) / RESULTS_FILE))
    if isinstance(outcome.exception, DbtUsageException):  # all others dbt has said itself
        print(outcome.exception, file=sys.stderr)
    if outcome.exception is not None:
        return 2
    return 0 if outcome.success else 1


def leave(exit_code: int) -> NoReturn:
    """End the process as Python does, DuckDB closed and output written, but for freeing each object by itself."""
    atexit._run_exitfuncs()  # noqa: SLF001 - nothing public runs them before `os._exit`
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
