"""What a runbook or guide tells to type exists, with the options that it names."""

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from jobs.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
LINES = [
    pytest.param(line, id=f"{path.name}: {line}")
    for path in sorted(DOCS.rglob("*.md"))
    for block in BLOCK.findall(path.read_text())
    for line in block.splitlines()
    if line.startswith("reco ")
]


def test_the_docs_have_commands() -> None:
    assert len(LINES) > 15


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_docs_exists(line: str) -> None:
    command, words = get_command(app), shlex.split(line)[1:]
    while isinstance(command, TyperGroup):
        assert words, f"{line}: names a group of commands and none of them"
        assert words[0] in command.commands, f"{line}: there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    if command.context_settings.get("ignore_unknown_options"):  # `reco dbt` hands them over
        return
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= known, line
