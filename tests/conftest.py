"""Fixtures that more than one folder of tests uses."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from reco_contracts.settings import get_settings

REPOSITORY = Path(__file__).parents[1]
# Folders whose tests share what takes long to make: each is done by one process, and the longest begin first.
SHARING_FOLDERS = ("e2e", "dbt", "dags")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest folders first, so that no process is left alone with one at the end."""
    order = {folder: place for place, folder in enumerate(SHARING_FOLDERS)}
    items.sort(key=lambda item: order.get(_group(item.nodeid), len(order)))  # stable: the rest keeps its order


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """With several processes, a file's tests are done by one of them, and so are those of a sharing folder."""

    class OneProcessAGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return OneProcessAGroup(config, log)


def _group(nodeid: str) -> str:
    path = nodeid.split("::", 1)[0]
    folder = path.split("/")[1]  # after tests/
    return folder if folder in SHARING_FOLDERS else path


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
