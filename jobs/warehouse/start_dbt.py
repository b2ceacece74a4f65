"""The process of one dbt command: dbt's own, without what a process that ends in seconds need not do.

`reco dbt` starts it; beside dbt only this file and two others are loaded. On a small day
this is most of what a build takes, so it is worth saying what is left out: what
`lean_dbt` names, collecting garbage, writing the manifest that the build before has
left, and taking everything apart at the end.
"""

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from jobs.warehouse.code_cache import open_code_cache
from jobs.warehouse.lean_dbt import (
    drop_unread_events,
    keep_data_classes,
    keep_manifest,
    keep_schemas,
    keep_templates,
    make_serializers_later,
    name_flags_by_adapter,
)

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
    target = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    cache = open_code_cache(target)
    keep_data_classes(cache)
    make_serializers_later()
    keep_templates(cache)
    keep_schemas(cache)
    keep_manifest(cache)
    drop_unread_events()
    name_flags_by_adapter()

    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.exceptions import DbtUsageException
    from dbt.cli.main import dbtRunner

    is_building = any(argument in BUILDING for argument in arguments)
    if is_building:
        os.environ.setdefault("DBT_WRITE_JSON", "false")
    outcome = dbtRunner().invoke(arguments)
    if outcome.exception is None:
        cache.save()
    if is_building and isinstance(outcome.result, RunExecutionResult):
        outcome.result.write(str(target / RESULTS_FILE))
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
