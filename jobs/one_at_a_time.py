"""Let one process at a time do a work; another one waits, and says so."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reco_contracts.logs import get_logger


@contextmanager
def one_at_a_time(path: Path, work: str) -> Iterator[None]:
    """Hold a lock, which ends with the process however it ends.

    Args:
        path: of the lock; its folder is made.
        work: what is done, in words for the log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            get_logger(__name__).info(f"waiting for another {work} to end", lock=str(path))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
