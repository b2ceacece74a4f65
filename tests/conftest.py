"""Fixtures that more than one folder of tests uses."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reco_contracts.settings import get_settings

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    """Settings are read once a process; no test sees those of the test before."""
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Gives the path of a public data set; skips where there is none, fails in CI."""
    folder = Path(os.environ.get("RECO_SHARED_DATA", REPOSITORY / ".." / "shared" / "data")).resolve()

    def find(name: str) -> Path:
        path = folder / name
        if path.exists():
            return path
        message = f"no real data: {path} does not exist (RECO_SHARED_DATA names the folder)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)

    return find
