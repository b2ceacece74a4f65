"""Time and peak memory of the warehouse: a full build, one more day, and three days that are late.

`python -m benchmarks.bench_warehouse`. For each size a shop is simulated and landed
without its last day and without one row in fifty of three earlier days; then the
commands of the daily run are measured as a run would call them, tests included.
Landing is measured beside them, and the analysts' copy apart.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.report import write_report

_RECO = Path(sys.executable).with_name("reco")
_EVENTS_A_USER = 98  # of a shop of sixty days; the table says how many there were
_ITEMS = 5_000  # drawing a day costs active users times items
_LATE_ROW = 50
_DATA_TESTS = ("--exclude-resource-type", "unit_test")  # as the DAG: unit tests need no data, they run with the suite


class Measured(NamedTuple):
    """What a command took.

    Attributes:
        seconds: wall time.
        cpu_seconds: of the processors, in it and what it started; says more than wall time beside other work.
        peak_mb: largest resident set of the command and what it started, megabytes.
        summary: what it said.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    summary: dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    rows: list[dict[str, Any]] = []
    for events in arguments.events:
        with tempfile.TemporaryDirectory(prefix="reco-bench-", dir=arguments.folder) as folder:
            rows += _measure_size(events, Path(folder), arguments)
    parameters = {"days": arguments.days, "memory_limit": arguments.memory_limit, "threads": arguments.threads}
    shares = {f"one_more_day_of_the_full_build_{row['events']}": row["of_full_build"] for row in _days(rows)}
    write_report("warehouse", rows, parameters, peak_mb=max(row["build_peak_mb"] for row in rows), **shares)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000], help="about so many, each")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--memory-limit", default="2500MB", help="DuckDB's; the process needs more")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to work; default: the folder for temporary files"
    )
    return parser.parse_args()


def _measure_size(events: int, folder: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    environment = os.environ | {
        "RECO_PATHS__DATA": str(folder / "data"),
        "RECO_WAREHOUSE__MEMORY_LIMIT": arguments.memory_limit,
        "RECO_WAREHOUSE__THREADS": str(arguments.threads),
        "RECO_LOG_LEVEL": "WARNING",
    }
    shop = folder / "shop"
    users = max(100, events // _EVENTS_A_USER)
    size = ("--users", str(users), "--items", str(_ITEMS), "--days", str(arguments.days))
    _run(environment, "simulate", "--out", str(shop), *size)
    last_day, late = _hold_back(shop, folder)
    cases = {"full build": shop, "one more day": last_day, "three days, late rows": late}
    rows: list[dict[str, Any]] = []
    total = 0
    for name, log in cases.items():
        row = _measure_case(name, log, environment)
        total += row["rows"]
        shares = {"of_full_build": _share(row, rows), "cpu_of_full_build": _share(row, rows, "cpu_s")}
        rows.append({"events": total} | row | shares)
    return rows


def _hold_back(shop: Path, folder: Path) -> tuple[Path, Path]:
    """Take the last day, and one row in fifty of three days in the middle, out of the log."""
    files = sorted((shop / "events").glob("*.csv"))
    last_day = files[-1].rename(folder / files[-1].name)
    late = folder / "late.csv"
    middle = len(files) // 2
    with late.open("w") as kept_back:
        for number, path in enumerate(files[middle : middle + 3]):
            header, *lines = path.read_text().splitlines(keepends=True)
            kept_back.writelines([*([] if number else [header]), *lines[::_LATE_ROW]])
            del lines[::_LATE_ROW]
            path.write_text("".join([header, *lines]))
    return last_day, late


def _measure_case(name: str, log: Path, environment: dict[str, str]) -> dict[str, Any]:
    landed = _run(environment, "import", str(log))
    day = str(landed.summary["last_event_date"])
    build = _run(environment, "dbt", "build", "--select", "tag:inputs", *_DATA_TESTS, "--run-date", day)
    export = _run(environment, "export-marts", "--run-date", day)
    copy = _run(environment, "copy-analytics")
    return {
        "case": name,
        "rows": landed.summary["landed"],
        "land_s": round(landed.seconds, 1),
        "build_s": round(build.seconds, 1),
        "export_s": round(export.seconds, 1),
        "copy_s": round(copy.seconds, 1),
        "build_cpu_s": round(build.cpu_seconds, 1),
        "export_cpu_s": round(export.cpu_seconds, 1),
        "build_peak_mb": round(max(build.peak_mb, export.peak_mb)),
        "land_peak_mb": round(landed.peak_mb),
    }


def _share(row: dict[str, Any], before: list[dict[str, Any]], unit: str = "s") -> float:
    """Seconds of build and export over those of the full build."""
    full = before[0] if before else row
    build, export = f"build_{unit}", f"export_{unit}"
    return round((row[build] + row[export]) / (full[build] + full[export]), 3)


def _days(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["case"] == "one more day"]


def _run(environment: dict[str, str], *words: str) -> Measured:
    """Run a command of ours to its end."""
    print(f"reco {' '.join(words)}", file=sys.stderr, flush=True)
    began = time.monotonic()
    process = subprocess.Popen([str(_RECO), *words, "--json"], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read().decode()
    # The only way to the usage of this command alone, with all that it started and waited for.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"`reco {' '.join(words)}` ended with exit code {process.returncode}")
    summary = msgspec.json.decode(output.rstrip().rpartition("\n")[2])
    seconds = time.monotonic() - began
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1_024, summary)


if __name__ == "__main__":
    main()
