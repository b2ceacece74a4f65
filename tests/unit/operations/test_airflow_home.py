"""Airflow's home: secrets that only their owner reads, loopback, no telemetry."""

import json
import stat
from pathlib import Path

import pytest

from jobs.operations.airflow_home import admin_password, airflow_environment
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ConfigError


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    first = airflow_environment(layout, 8080, {})
    again = airflow_environment(layout, 8081, {})
    for name in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"):
        assert len(first[name]) >= 40
        assert first[name] == again[name]
    passwords = Path(first["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(passwords.read_text()) == {"admin": admin_password(layout)}
    secrets = [path for path in layout.airflow.iterdir() if path.is_file()]
    assert len(secrets) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    assert stat.S_IMODE(layout.airflow.stat().st_mode) == 0o700


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    one, other = (airflow_environment(Layout(tmp_path / name), 8080, {}) for name in "ab")
    assert one["AIRFLOW__API_AUTH__JWT_SECRET"] != other["AIRFLOW__API_AUTH__JWT_SECRET"]


def test_another_port_is_known_to_the_tasks_too(tmp_path: Path) -> None:
    environment = airflow_environment(Layout(tmp_path), 9123, {"PATH": "/bin"})
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9123/execution/"
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__PORT"] == "9123"
    assert environment["PATH"] == "/bin"
    assert environment["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


def test_outside_a_checkout_the_missing_dags_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.operations.airflow_home.DAGS", tmp_path / "dags")
    with pytest.raises(ConfigError, match="expected the DAG files in"):
        airflow_environment(Layout(tmp_path), 8080, {})
