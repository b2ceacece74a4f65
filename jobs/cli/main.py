"""`reco`: one command for everything that the DAG does, and for what people do by hand."""

import sys

import typer
from rich.console import Console

from jobs.cli import (
    analyst_commands,
    erasure_commands,
    evaluation_commands,
    explain_commands,
    keys_commands,
    landing_commands,
    model_commands,
    operate_commands,
    quarantine_commands,
    rules_commands,
    serving_commands,
    validation_commands,
    version_commands,
    warehouse_commands,
)
from reco_contracts.errors import RecoError
from reco_contracts.logs import configure_logging

app = typer.Typer(
    name="reco",
    help=(
        "Turn interaction logs into personalised lists, and serve them.\n\n"
        "New here? `make demo` runs everything once on a simulated shop. "
        "With your own log: `reco import PATH`, then `make demo DATA=PATH`."
    ),
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _module in (
    landing_commands,
    quarantine_commands,
    warehouse_commands,
    analyst_commands,
    erasure_commands,
    evaluation_commands,
    model_commands,
    version_commands,
    validation_commands,
    rules_commands,
    serving_commands,
    keys_commands,
    explain_commands,
    operate_commands,
):
    _module.register(app)


def main() -> None:
    """Run a command; an error meant for people becomes one message and its exit code."""
    configure_logging()
    try:
        app()
    except RecoError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written: nothing that a traceback explains
        _say(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        sys.exit(1)


def _say(message: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {_escape(message)}")


def _escape(text: str) -> str:
    return text.replace("[", "\\[")


if __name__ == "__main__":
    main()
