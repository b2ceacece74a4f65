"""`feast serve` beside our API: the same store, the features of as many users, Feast's own server."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import httpx
import msgspec
import polars as pl

from benchmarks.list_folder import item_id, user_id
from jobs.features.apply_features import run as apply_features
from jobs.features.build_features import feature_timestamp, partition_path
from jobs.features.feast_environment import REPOSITORY_FOLDER, feast_environment
from jobs.features.publish_features import run as publish_features
from jobs.operations.free_port import choose_port
from jobs.operations.supervise_processes import stop_process
from reco_contracts.columns import FEATURE_TIMESTAMP, FEATURE_VIEWS, DType
from reco_contracts.errors import StoreUnavailableError
from reco_contracts.settings import Settings

PATH = "/get-online-features"
_DATE = date(2024, 5, 1)
_START_SECONDS = 120.0
_POLARS = {DType.STRING: pl.String, DType.INT64: pl.Int64, DType.FLOAT64: pl.Float64}


def question(user: str) -> str:
    """The body that asks for one user's row."""
    return msgspec.json.encode({"feature_service": "user_serving", "entities": {"user_id": [user]}}).decode()


def write_features(settings: Settings, users: int) -> None:
    """Make, register and publish features of users and items by formula."""
    for view in FEATURE_VIEWS:
        name = user_id if view.key[0] == "user_id" else item_id
        columns: dict[str, pl.Series] = {}
        for column in view.columns:
            if column.name == view.key[0]:
                columns[column.name] = pl.Series([name(number) for number in range(users)])
            elif column.name == FEATURE_TIMESTAMP:
                moment = pl.Series([feature_timestamp(_DATE)] * users)
                columns[column.name] = moment.cast(pl.Datetime("us", "UTC"))
            else:
                columns[column.name] = pl.Series(range(users)).cast(_POLARS[column.dtype])
        path = partition_path(settings.layout, view.name, _DATE)
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).write_parquet(path)
    apply_features(settings)
    publish_features(_DATE, settings)


@contextmanager
def feast_server(settings: Settings) -> Iterator[int]:
    """Run `feast serve` with one worker while the block runs; gives its port.

    Raises:
        StoreUnavailableError: it does not answer.
    """
    port = choose_port("127.0.0.1", 0).port
    command = [sys.executable, "-c", "from feast.cli.cli import cli; cli()", "--chdir", str(REPOSITORY_FOLDER)]
    command += ["serve", "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--workers", "1"]
    command += ["--max-requests", "100000000"]  # it would begin anew every thousand, and hang up
    environment = os.environ | feast_environment(settings)
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_it_answers(port, process)
        yield port
    finally:
        stop_process(process, 15.0)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    url, headers = f"http://127.0.0.1:{port}{PATH}", {"content-type": "application/json"}
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.post(url, content=question(user_id(0)), headers=headers, timeout=5.0).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise StoreUnavailableError(f"`feast serve` did not answer at port {port} within {_START_SECONDS:.0f} s")
