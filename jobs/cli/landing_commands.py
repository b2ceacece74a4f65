"""Commands of `reco`, imported when they run."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
