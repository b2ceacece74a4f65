"""Settings: the file documents every key with its default, the environment overrides it, mistakes are named."""

import tomllib
from pathlib import Path

import pytest

from reco_contracts.errors import ConfigError
from reco_contracts.settings import Settings, get_settings, load_settings

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RECO_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()


def test_the_documented_file_holds_every_key_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = tomllib.loads((REPOSITORY / "reco.toml").read_text())
    defaults = Settings().model_dump(mode="json", by_alias=True)
    for section, secret in (("redis", "username"), ("redis", "password"), ("doors", "client_key"), ("erasure", "key")):
        assert defaults[section].pop(secret) is None
        assert secret not in documented[section], "credentials do not belong in the file"
    defaults["paths"]["data"] = "data"
    assert documented == defaults


def test_every_documented_key_says_what_it_means_where_the_name_alone_does_not() -> None:
    lines = (REPOSITORY / "reco.toml").read_text().splitlines()
    keys = [line for line in lines if "=" in line and not line.startswith("#")]
    assert sum("#" in line for line in keys) >= 0.6 * len(keys)


def test_an_environment_variable_overrides_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "reco.toml").write_text("[train]\nseed = 3\n[surfaces.home]\nk = 7\n")
    monkeypatch.setenv("RECO_TRAIN__SEED", "9")
    settings = load_settings()
    assert (settings.train.seed, settings.surfaces.home.k) == (9, 7)


def test_data_is_found_from_the_files_folder_not_from_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "reco.toml").write_text('[paths]\ndata = "rest"\n')
    monkeypatch.setenv("RECO_CONFIG", str(tmp_path / "shop" / "reco.toml"))
    assert load_settings().layout.root == tmp_path / "shop" / "rest"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[train]\nsede = 3\n", "train.sede"),
        ("[serving]\nport = 70000\n", "serving.port"),
        ("[surfaces.home]\nexclude_seen = 'sometimes'\n", "surfaces.home.exclude_seen"),
        ("[project]\nnamespace = 'a{b}'\n", "project.namespace"),
        ("[train.als]\nfactors = []\n", "train.als.factors"),
        ("[train.als]\nfactors = [0]\n", "train.als.factors.0"),
        ("[train.als]\nregularization = [0.1, -1.0]\n", "train.als.regularization.1"),
        ("[train.als]\nalpha = [nan]\n", "train.als.alpha.0"),
        ("[train.popularity]\nwindows_days = []\n", "train.popularity.windows_days"),
        ("[surfaces.popular]\nwindows_days = [0]\n", "surfaces.popular.windows_days.0"),
        ("[train\n", "cannot be read"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, names: str) -> None:
    (tmp_path / "reco.toml").write_text(text)
    with pytest.raises(ConfigError, match=names):
        load_settings()


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECO_CONFIG", str(tmp_path / "nowhere.toml"))
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_settings()


def test_the_password_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECO_REDIS__PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    monkeypatch.setenv("RECO_REDIS__TIMEOUT_SECONDS", "never")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://cache",
        "cache:6379",
        "redis://cache/first",
        "redis://cache:port",
        "redis://:hunt/er2@cache:6379/0",
        "redis://:12?hunter2@cache",
        "redis://:12#hunter2@cache",
        "redis://:hunt#er2@cache",
    ],
)
def test_what_is_no_address_of_a_store_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"redis\.url: .*RECO_REDIS__PASSWORD") as caught:
        load_settings(redis={"url": url})
    assert "hunt" not in str(caught.value)
    assert "er2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://cache", "rediss://ann:se%40cret@cache:7000/2?ssl_cert_reqs=none", "unix:///run/a@b.sock?db=1"]
)
def test_the_addresses_of_a_store_are_taken(url: str) -> None:
    assert load_settings(redis={"url": url}).redis.url == url


@pytest.mark.parametrize("url", ["redis://node:6379/2", "unix:///run/store.sock", "unix:///run/store.sock?db=0"])
def test_a_cluster_has_one_database_and_no_socket(url: str) -> None:
    assert load_settings(redis={"url": "redis://node:6379/0", "cluster": True}).redis.cluster
    with pytest.raises(ConfigError, match=r"redis\.cluster needs redis://HOST:PORT"):
        load_settings(redis={"url": url, "cluster": True})
