"""The process of a dbt command says what is wrong, and is as quiet about the rest as dbt."""

import subprocess
import sys

from jobs.warehouse.run_dbt import dbt_command


def test_what_dbt_does_not_understand_is_said_and_fails() -> None:
    command = [sys.executable, "-P", "-m", "jobs.warehouse.start_dbt", "build", "--no-such-option"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--no-such-option" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_starts_the_lean_process_without_the_working_directory() -> None:
    """In it there may be modules called dbt_*, all of which dbt would import."""
    assert dbt_command(["parse"], {})[:5] == [sys.executable, "-P", "-m", "jobs.warehouse.start_dbt", "parse"]
