"""Fixtures that more than one folder of tests uses."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reco_contracts.settings import get_settings

REPOSITORY = Path(__file__).parents[1]
# Folders whose tests share what takes long to make: each is done by one process, and the longest begin first.
SHARING_FOLDERS = ("e2e", "dbt", "dags")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong to one process where several run them: those of a file, or of a sharing folder."""
    tests = REPOSITORY / "tests"
    paths = {item: item.path.relative_to(tests) for item in items}
    order = {folder: place for place, folder in enumerate(SHARING_FOLDERS)}
    items.sort(key=lambda item: order.get(paths[item].parts[0], len(order)))  # stable: the rest keeps its order
    for item, path in paths.items():
        group = path.parts[0] if path.parts[0] in order else str(path)
        item.add_marker(pytest.mark.xdist_group(group))


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
