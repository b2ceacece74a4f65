"""A demo's own folder: data, settings, logs and pid file, apart from every other run's."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ConfigError

SIMULATED: Final = "simulated"
# Where a demo's data, store and API are is its workspace's business, whatever the shell says.
_WORKSPACE_DECIDES: Final = ("RECO_PATHS__", "RECO_REDIS__", "RECO_SERVING__HOST", "RECO_SERVING__PORT")
_ENDING: Final = re.compile(r"\.(csv|tsv|txt|dat|json|jsonl|ndjson|parquet|gz|zip|zst|bz2|xz)$", re.IGNORECASE)

# What the kind of log asks for; everything else keeps the defaults of the repository's reco.toml.
_MOVIES = """\
[catalogue]
categories = "tags"           # a film has several unordered genres: the rarest one counts

[surfaces.home]
exclude_seen = "forever"      # nobody is shown a film that they have rated
"""
_BOUGHT_AGAIN = """\
[evaluate]
validation_days = 56          # shops like this see a customer every few weeks
test_days = 56

[surfaces.home]
exclude_seen = "off"          # what was bought is bought again
"""
PRESETS: Final[dict[str, str]] = {
    "movielens": _MOVIES,
    "online-retail": _BOUGHT_AGAIN,
    "complete-journey": _BOUGHT_AGAIN,
}

_HEAD = """\
# Settings of the demo in this folder. Every key is described in the repository's reco.toml;
# what is not named here has its default. `reco demo` rewrites `url` and `port` only.

[paths]
data = "."                    # this folder

[redis]
url = "redis://127.0.0.1:6379/0"

[serving]
port = 8080
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The paths of one demo.

    Attributes:
        folder: `demo/<name>` in the data folder.
    """

    folder: Path

    @property
    def config(self) -> Path:
        """The settings file, for RECO_CONFIG."""
        return self.folder / "reco.toml"

    @property
    def pid_file(self) -> Path:
        """Who runs the demo now."""
        return self.folder / "demo.pid"

    def log(self, step: str) -> Path:
        """Where a step's output goes."""
        return self.folder / "logs" / f"{step}.log"


def workspace_for(data_root: Path, source: Path | None) -> Workspace:
    """The workspace of a demo.

    Args:
        data_root: the data folder in force.
        source: the log to import; None simulates a shop.
    """
    return Workspace(data_root / "demo" / (workspace_name(source) if source else SIMULATED))


def workspaces(data_root: Path) -> list[Workspace]:
    """Every workspace below a data folder, in order of name."""
    return [Workspace(path.parent) for path in sorted(data_root.glob("demo/*/reco.toml"))]


def workspace_name(source: Path) -> str:
    """A folder name for a log: its file or folder name without endings, lower case.

    Raises:
        ConfigError: nothing of the name is left.
    """
    name = source.resolve().name
    while (stem := _ENDING.sub("", name)) != name:
        name = stem
    name = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")
    if not name:
        raise ConfigError(f"cannot name a workspace after {source}; its name needs a letter or digit of ASCII")
    return f"{name}-log" if name == SIMULATED else name


def find_workspace(data_root: Path, name: str) -> Workspace:
    """The workspace of a name.

    Raises:
        ConfigError: there is none; names those that there are.
    """
    known = {space.folder.name: space for space in workspaces(data_root)}
    if name not in known:
        raise ConfigError(f"no workspace {name!r} below {data_root / 'demo'}; there is {', '.join(known) or 'none'}")
    return known[name]


def workspace_environment(workspace: Workspace, base: Mapping[str, str]) -> dict[str, str]:
    """The variables of every process that works in a workspace: its own settings file, our own commands first."""
    kept = {name: value for name, value in base.items() if not name.startswith(_WORKSPACE_DECIDES)}
    return own_commands_first(kept) | {"RECO_CONFIG": str(workspace.config)}


def own_commands_first(base: Mapping[str, str]) -> dict[str, str]:
    """The variables with this environment's commands before all others of the same name."""
    path = os.pathsep.join([str(Path(sys.executable).parent), base.get("PATH", os.defpath)])
    return {**base, "PATH": path}


def write_config(workspace: Workspace, log_format: str | None) -> None:
    """Write the settings file with the preset of a kind of log; a file that exists is the user's and stays.

    Args:
        workspace: where.
        log_format: the importer that read the log; None without a preset.
    """
    if workspace.config.exists():
        return
    preset = PRESETS.get(log_format or "", "")
    with replace_file(workspace.config) as path:
        path.write_text(_HEAD + ("\n" + preset if preset else ""))


def set_address(workspace: Workspace, section: str, key: str, value: str | int) -> None:
    """Change one value of the settings file and nothing else in it.

    Raises:
        ConfigError: the file has no such section.
    """
    text = workspace.config.read_text()
    start = re.search(rf"^\[{section}\][^\n]*\n", text, flags=re.MULTILINE)
    if start is None:
        raise ConfigError(f"{workspace.config} has no section [{section}]; add it, or remove the file to get a new one")
    following = re.search(r"^\[", text[start.end() :], flags=re.MULTILINE)
    end = start.end() + following.start() if following else len(text)
    line = f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"
    setting = re.compile(rf"^{key} *=[^\n#]*?(?= *(?:#|$))", flags=re.MULTILINE)
    body, found = setting.subn(lambda _: line, text[start.end() : end], count=1)
    if not found:
        body = line + "\n" + body
    with replace_file(workspace.config) as path:
        path.write_text(text[: start.end()] + body + text[end:])
