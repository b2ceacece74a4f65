"""Register the feature definitions with Feast.

Feast changes into the folder of the definitions and imports every file there,
which no process should do to itself: it runs as a subprocess.
"""

import os
import subprocess
import sys
import time
from typing import Any

from jobs.features.feast_environment import REPOSITORY_FOLDER, feast_environment
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings


def apply_command() -> list[str]:
    """The command line of `feast apply`.

    Sources are not validated: on a first run their partitions are not there yet.
    """
    options = ["--chdir", str(REPOSITORY_FOLDER), "apply", "--skip-source-validation"]
    return [sys.executable, "-c", "from feast.cli.cli import cli; cli()", *options]


def run(settings: Settings) -> dict[str, Any]:
    """Bring Feast's registry to the definitions in feature_repo/.

    The store need not run: only the registry changes.

    Raises:
        ConfigError: this is no checkout, or redis.url is no address.
        ContractError: Feast refused the definitions.
    """
    layout = settings.layout
    layout.feast.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    environment = os.environ | feast_environment(settings)
    sys.stdout.flush()
    exit_code = subprocess.run(apply_command(), env=environment, check=False).returncode
    if exit_code != 0:
        raise ContractError(f"feast apply ended with code {exit_code}; its own message is above")
    return {
        "project": settings.project.namespace,
        "registry": layout.feast,
        "seconds": round(time.monotonic() - started, 1),
    }
