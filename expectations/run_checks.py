"""Run suites over frames, keep the report as HTML, and raise when a check fails."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import great_expectations as gx
import zstandard  # noqa: F401 - without it Great Expectations runs nothing and says nothing
from great_expectations.data_context.types.base import ProgressBarsConfig

from expectations.checks_page import CheckResult, write_checks_page
from reco_contracts.errors import ValidationFailedError

_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """A suite and the frame that it judges.

    A frame may hold some rows of a table that does not fit into memory: those that
    fail, as far as they are few, and a sample. Then what was found in the whole table
    is given beside it, counted and named by whoever read it.

    Attributes:
        suite: what must hold.
        frame: a pandas DataFrame; an empty one fails.
        row_names: columns that name a bad row in the report.
        rows: of the whole table; None = the frame is the table.
        counts: rows of the whole table that fail, by column.
        examples: some of these, by column.
    """

    suite: gx.ExpectationSuite
    frame: Any
    row_names: tuple[str, ...]
    rows: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Rows that it stands for."""
        return len(self.frame) if self.rows is None else self.rows


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked.

    Attributes:
        checks: number of expectations evaluated.
        rows: rows judged, by suite.
        failed: what did not hold.
        data_docs: the first page of the HTML, or None where it was not asked for.
    """

    checks: int
    rows: dict[str, int]
    failed: tuple[CheckResult, ...] = field(default=())
    data_docs: Path | None = None

    def raise_if_failed(self) -> None:
        """Stop the run when a check failed.

        Raises:
            ValidationFailedError: names each failed check and its first bad rows.
        """
        if not self.failed:
            return
        lines = [f"  {item.suite}: {item.check} - {item.detail}" for item in self.failed]
        docs = f"\nAll results: {self.data_docs}" if self.data_docs else ""
        raise ValidationFailedError(
            f"{len(self.failed)} of {self.checks} checks failed, nothing will be published:\n" + "\n".join(lines) + docs
        )


def run_checks(
    runs: Sequence[SuiteRun], data_docs: Path | None, measured: Mapping[str, str] | None = None
) -> CheckReport:
    """Evaluate every suite over its frame.

    Args:
        runs: suites with their frames.
        data_docs: folder that the HTML report replaces, or None for no report.
        measured: figures that the report shows beside the checks, in words.

    Returns:
        The report; call `raise_if_failed` on it.

    Raises:
        ValidationFailedError: there was nothing to run, or a suite was not evaluated in full.
    """
    if not runs:
        raise ValidationFailedError("no suite was given: a run without checks does not count as checked")
    with _project_folder() as folder:
        context = gx.get_context(mode="file", project_root_dir=folder)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("frames")
        results = [_judge(run, result) for run in runs for result in _run_one(context, source, run)]
        if data_docs:
            _keep_data_docs(context, data_docs)
    rows = {run.suite.name: len(run) for run in runs}
    return CheckReport(
        checks=len(results),
        rows=rows,
        failed=tuple(result for result in results if not result.is_passed),
        data_docs=write_checks_page(data_docs, results, rows, measured or {}) if data_docs else None,
    )


@contextmanager
def _project_folder() -> Any:
    folder = tempfile.mkdtemp(prefix="reco-checks-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_one(context: Any, source: Any, run: SuiteRun) -> list[Any]:
    name = run.suite.name
    expected = len(run.suite.expectations)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(run.suite))
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            result_format={
                "result_format": "SUMMARY",
                "unexpected_index_column_names": list(run.row_names),
                "partial_unexpected_count": _EXAMPLES,
            },
        )
    )
    outcome = checkpoint.run(batch_parameters={"dataframe": run.frame})
    results = [result for suite_result in outcome.run_results.values() for result in suite_result.results]
    if len(results) != expected or not expected:
        raise ValidationFailedError(f"suite {name!r}: {expected} checks expected, {len(results)} were evaluated")
    if run.frame.empty:
        raise ValidationFailedError(f"suite {name!r}: the table is empty, so nothing was checked")
    return results


def _keep_data_docs(context: Any, target: Path) -> None:
    context.build_data_docs()
    (site,) = context.get_docs_sites_urls()
    built = Path(str(site["site_url"]).removeprefix("file://")).parent
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(built, target)


def _sentence(result: Any) -> str:
    meta: Mapping[str, str] = result.expectation_config.meta or {}
    return meta.get("check", str(result.expectation_config.type))


def _judge(run: SuiteRun, result: Any) -> CheckResult:
    column = (result.expectation_config.kwargs or {}).get("column", "")
    # The frame may lack rows that fail; whoever counted them all has seen them.
    is_passed = bool(result.success) and not run.counts.get(column)
    return CheckResult(run.suite.name, _sentence(result), is_passed, "" if is_passed else _detail(run, column, result))


def _detail(run: SuiteRun, column: str, result: Any) -> str:
    if said := _exceptions(result.exception_info or {}):
        return f"could not be evaluated: {said}"
    if count := run.counts.get(column):
        return f"{count:,} of {len(run):,} rows, e.g. {'; '.join(run.examples.get(column, ()))}"
    values = result.result
    if "unexpected_count" not in values:
        return f"found {values.get('observed_value')}"
    examples = values.get("partial_unexpected_index_list") or values.get("partial_unexpected_list") or []
    shown = "; ".join(_example(example, run.row_names) for example in examples[:_EXAMPLES])
    return f"{values['unexpected_count']:,} of {values['element_count']:,} rows, e.g. {shown}"


def _exceptions(info: Mapping[str, Any]) -> str:
    """What was raised instead of a result: one message, or one by metric, each of them maybe absent."""
    parts = [info, *(part for part in info.values() if isinstance(part, Mapping))]
    return "; ".join(dict.fromkeys(str(part["exception_message"]) for part in parts if part.get("exception_message")))


def _example(example: Any, row_names: Sequence[str]) -> str:
    if not isinstance(example, Mapping):
        return str(example)
    found = sorted(example.items(), key=lambda named: named[0] not in row_names)
    return ", ".join(f"{name}={value}" for name, value in found)
