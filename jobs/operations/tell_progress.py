"""Tell people on the terminal how far a command of several steps is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Teller:
    """Numbered steps with their times on standard error; a live line on a terminal, plain lines elsewhere.

    Args:
        steps: how many there will be.
    """

    def __init__(self, steps: int) -> None:
        """Begin before the first step."""
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._steps = steps
        self._number = 0
        self._status: Status | None = None

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and say how long it took when it is done."""
        self._number += 1
        self._console.print(f"[bold cyan]\\[{self._number}/{self._steps}][/] {escape(title)}")
        started = time.monotonic()
        try:
            yield
        finally:
            self._clear()
        self._console.print(f"      [dim]done in {time.monotonic() - started:.1f} s[/]")

    def task_runs(self, task: str, seconds: float) -> None:
        """Show on a terminal what runs now, and for how long."""
        if not self._console.is_terminal:
            return
        text = f"{escape(task)} ... {seconds:.0f} s"
        if self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        self._status.update(text)

    def task_ended(self, task: str, seconds: float) -> None:
        """Add a line for a task that has ended."""
        self._console.print(f"      {escape(task)} [dim]{seconds:.1f} s[/]")

    def say(self, text: str) -> None:
        """Add a line."""
        self._console.print(escape(text))

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
