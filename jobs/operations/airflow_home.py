"""Airflow's home below the data folder, and the environment that makes Airflow work there without a question."""

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reco_contracts.artifacts import Layout
from reco_contracts.errors import ConfigError

ROOT: Final = Path(__file__).resolve().parents[2]
DAGS: Final = ROOT / "dags"
ADMIN: Final = "admin"
WRITER_POOL: Final = "duckdb_writer"
# For a log that ends in the past: with the schedule, Airflow would at once run for yesterday.
BY_HAND_ONLY: Final = {
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
}
_TELEMETRY_OFF: Final = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "SCARF_ANALYTICS": "false",
}


def airflow_command(*arguments: str) -> list[str]:
    """The command line of Airflow in this environment."""
    return [sys.executable, "-m", "airflow", *arguments]


def airflow_environment(layout: Layout, api_port: int, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for every Airflow process of one home; makes its secrets on first use.

    Args:
        layout: names the home, `airflow/` in the data folder.
        api_port: loopback port of Airflow's API server.
        base: the environment to build on; default this process's.

    Raises:
        ConfigError: the DAG files are not beside the package (it runs outside a checkout).
    """
    if not (DAGS / "recommendations_daily.py").is_file():
        raise ConfigError(f"expected the DAG files in {DAGS}, found none; run this from a checkout of the repository")
    home = layout.airflow
    url = f"http://127.0.0.1:{api_port}"
    return {
        **(os.environ if base is None else base),
        **_TELEMETRY_OFF,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords_file(home)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": _secret(home, "fernet_key"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(api_port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": _secret(home, "api_secret"),
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(home, "jwt_secret"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }


def admin_password(layout: Layout) -> str:
    """The generated password of the one user."""
    password: str = json.loads(_passwords_file(layout.airflow).read_text())[ADMIN]
    return password


def prepare_database(environment: Mapping[str, str], log: Path) -> None:
    """Make or upgrade Airflow's metadata database, and the pool that keeps DuckDB to one writer.

    Raises:
        ConfigError: Airflow refused; names the log.
    """
    for arguments in (
        ("db", "migrate"),
        ("pools", "set", WRITER_POOL, "1", "DuckDB has one writer at a time"),
    ):
        with log.open("ab") as output:
            command = airflow_command(*arguments)
            done = subprocess.run(command, env=dict(environment), stdout=output, stderr=output, check=False)
        if done.returncode:
            raise ConfigError(f"`airflow {' '.join(arguments[:2])}` ended with {done.returncode}; see {log}")


def _passwords_file(home: Path) -> Path:
    path = home / "passwords.json"
    if not path.exists():
        _write_private(path, json.dumps({ADMIN: secrets.token_urlsafe(12)}))
    return path


def _secret(home: Path, name: str) -> str:
    path = home / name
    if not path.exists():
        _write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
