"""Keep the exported marts together: nobody reads them while they are renewed.

Each file is moved in whole, but an export renews several marts, and of a mart several
months. Runs of Airflow may overlap (a backfill beside today's run), so who exports
waits for who reads, and the other way round.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reco_contracts.artifacts import Layout
from reco_contracts.logs import get_logger

_LOCK_FILE: Final = ".lock"


@contextmanager
def reading_exports(layout: Layout) -> Iterator[None]:
    """Let nobody renew the exports while the block reads them; others may read too.

    Args:
        layout: of the data folder. Where nothing was ever exported there is nothing to hold.
    """
    if not _folder_of(layout).is_dir():
        yield
        return
    with _held(layout, fcntl.LOCK_SH):
        yield


@contextmanager
def renewing_exports(layout: Layout) -> Iterator[None]:
    """Let nobody read or renew the exports while the block renews them."""
    _folder_of(layout).mkdir(parents=True, exist_ok=True)
    with _held(layout, fcntl.LOCK_EX):
        yield


@contextmanager
def _held(layout: Layout, kind: int) -> Iterator[None]:
    path = _folder_of(layout) / _LOCK_FILE
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            get_logger(__name__).info("waiting for another job to leave the exports", lock=str(path))
            fcntl.flock(lock, kind)
        yield


def _folder_of(layout: Layout) -> Path:
    return layout.export("_").parent
