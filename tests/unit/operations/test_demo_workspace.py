"""A demo's folder: its name, its settings, and what may be changed in them."""

from pathlib import Path

import pytest

from jobs.operations.demo_workspace import (
    Workspace,
    find_workspace,
    set_address,
    workspace_environment,
    workspace_for,
    workspace_name,
    workspaces,
    write_config,
)
from reco_contracts.errors import ConfigError
from reco_contracts.settings import load_settings


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/data/ml-latest-small", "ml-latest-small"),
        ("/data/online_retail_2009_2010.csv.gz", "online_retail_2009_2010"),
        ("/data/My Shop (new).PARQUET", "my-shop-new"),
        ("/data/.hidden.csv", "hidden"),
        ("/data/simulated", "simulated-log"),  # the simulated shop keeps its own
        ("/data/a.b.c", "a.b.c"),
    ],
)
def test_a_workspace_is_named_after_its_log(source: str, name: str) -> None:
    assert workspace_name(Path(source)) == name


def test_a_name_without_letters_is_refused() -> None:
    with pytest.raises(ConfigError, match="letter or digit"):
        workspace_name(Path("/data/日本.csv"))


def _settings(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RECO_CONFIG", str(workspace.config))
    return load_settings()


@pytest.mark.parametrize(
    ("log_format", "exclude_seen", "categories", "test_days"),
    [
        ("movielens", "forever", "tags", 14),
        ("online-retail", "off", "tree", 56),
        ("complete-journey", "off", "tree", 56),
        ("events", "forever", "tree", 14),
        (None, "forever", "tree", 14),
    ],
)
def test_each_kind_of_log_gets_its_settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_format: str | None,
    exclude_seen: str,
    categories: str,
    test_days: int,
) -> None:
    workspace = Workspace(tmp_path)
    write_config(workspace, log_format)
    settings = _settings(workspace, monkeypatch)
    assert settings.layout.root == tmp_path.resolve()
    assert settings.surfaces.home.exclude_seen == exclude_seen
    assert settings.catalogue.categories == categories
    assert settings.evaluate.test_days == test_days


def test_a_users_changes_survive_the_next_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    write_config(workspace, "movielens")
    workspace.config.write_text(workspace.config.read_text() + "\n[train]\nseed = 7  # mine\n")
    write_config(workspace, "movielens")
    set_address(workspace, "redis", "url", "redis://127.0.0.1:7001/0")
    set_address(workspace, "serving", "port", 8099)
    settings = _settings(workspace, monkeypatch)
    assert (settings.train.seed, settings.redis.url, settings.serving.port) == (7, "redis://127.0.0.1:7001/0", 8099)
    assert "# mine" in workspace.config.read_text()


def test_an_address_keeps_the_comment_beside_it_and_other_sections(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.config.write_text('[serving]\nport = 1   # usual\n[redis]\nurl = "a"  # here\nport = 5\n')
    set_address(workspace, "serving", "port", 2)
    set_address(workspace, "redis", "url", r"b\1")
    assert workspace.config.read_text() == '[serving]\nport = 2   # usual\n[redis]\nurl = "b\\1"  # here\nport = 5\n'


def test_an_address_is_added_where_it_is_missing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.config.write_text("[serving]\nworkers = 2\n")
    set_address(workspace, "serving", "port", 2)
    assert workspace.config.read_text() == "[serving]\nport = 2\nworkers = 2\n"
    with pytest.raises(ConfigError, match=r"no section \[redis\]"):
        set_address(workspace, "redis", "url", "x")


def test_the_shells_data_and_store_do_not_leak_into_a_workspace(tmp_path: Path) -> None:
    base = {
        "PATH": "/usr/bin",
        "RECO_PATHS__DATA": "/mine",
        "RECO_REDIS__URL": "redis://live",
        "RECO_REDIS__PASSWORD": "x",
        "RECO_SERVING__PORT": "1",
        "RECO_TRAIN__SEED": "7",
    }
    environment = workspace_environment(Workspace(tmp_path), base)
    assert environment["RECO_CONFIG"] == str(tmp_path / "reco.toml")
    assert {name for name in environment if name.startswith("RECO_")} == {"RECO_CONFIG", "RECO_TRAIN__SEED"}
    assert environment["PATH"].endswith(":/usr/bin")


def test_workspaces_are_found_by_name(tmp_path: Path) -> None:
    space = workspace_for(tmp_path, Path("/x/ml-latest-small"))
    space.folder.mkdir(parents=True)
    write_config(space, "movielens")
    assert workspaces(tmp_path) == [find_workspace(tmp_path, "ml-latest-small")] == [space]
    with pytest.raises(ConfigError, match="there is ml-latest-small"):
        find_workspace(tmp_path, "other")
