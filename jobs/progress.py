"""Progress of long work on standard error: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

_LINE_EVERY_SECONDS = 5.0
_on_terminal: list[Progress] = []


class Advance(Protocol):
    """Reports that `steps` more steps are done."""

    def __call__(self, steps: int = 1) -> None:
        """Report steps."""


def no_progress(steps: int = 1) -> None:
    """Report nothing."""


@contextmanager
def _terminal() -> Iterator[Progress]:
    """The bars on the terminal: those of a step within a step stand below each other."""
    if _on_terminal:
        yield _on_terminal[-1]
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        _on_terminal.append(progress)
        try:
            yield progress
        finally:
            _on_terminal.pop()


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Advance]:
    """Show one bar (or a line every five seconds where there is no terminal).

    Args:
        description: what is being done, a verb and its object.
        total: number of steps; None where only the end will tell.
    """
    if sys.stderr.isatty():
        with _terminal() as progress:
            task = progress.add_task(description, total=total)
            yield lambda steps=1: progress.advance(task, steps)
            progress.remove_task(task)
        return
    done, last = 0, time.monotonic()

    def advance(steps: int = 1) -> None:
        nonlocal done, last
        done += steps
        if time.monotonic() - last >= _LINE_EVERY_SECONDS:
            last = time.monotonic()
            of_total = "" if total is None else f" of {total:,}"
            print(f"{description}: {done:,}{of_total}", file=sys.stderr, flush=True)

    yield advance


def track(steps: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Iterate with a bar.

    Args:
        steps: what to iterate over.
        description: what is being done.
        total: the number of steps.
    """
    with progress_bar(description, total) as advance:
        for step in steps:
            yield step
            advance()
