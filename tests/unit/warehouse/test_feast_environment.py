"""Any address of a store that we take must reach the client as it was meant."""

import pytest
import yaml
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import given
from hypothesis import strategies as st

from jobs.features.feast_environment import connection_string, feast_environment
from reco_contracts.errors import ConfigError
from reco_contracts.serving_settings import RedisSection
from reco_contracts.settings import load_settings


def parsed(section: RedisSection) -> tuple[dict[str, str], dict[str, object]]:
    """What Feast makes of it, after the single-quoted scalar of feature_store.yaml."""
    value = yaml.safe_load(f"'{connection_string(section)}'")
    nodes, parameters = RedisOnlineStore._parse_connection_string(value)
    assert len(nodes) == 1
    return nodes[0], parameters


def test_the_parts_of_an_address_arrive() -> None:
    section = RedisSection(url="redis://store.example:6390/3", connect_timeout_seconds=1.5, timeout_seconds=4)
    assert parsed(section) == (
        {"host": "store.example", "port": "6390"},
        {"db": 3, "socket_connect_timeout": 1.5, "socket_timeout": 4.0},
    )


def test_the_password_of_the_settings_wins_over_the_addresses() -> None:
    section = RedisSection(url="redis://old:secret@localhost:6379/0", username="reco", password="new")
    assert parsed(section)[1].items() >= {"username": "reco", "password": "new"}.items()
    section = RedisSection(url="redis://old:se%2Ccret@localhost:6379/0")
    assert parsed(section)[1].items() >= {"username": "old", "password": "se,cret"}.items()


def test_tls_is_asked_for() -> None:
    section = RedisSection(url="rediss://localhost:6379/0?ssl_cert_reqs=none&ssl_check_hostname=false")
    expected = {"ssl": True, "ssl_cert_reqs": "none", "ssl_check_hostname": False}
    assert parsed(section)[1].items() >= expected.items()


def test_a_cluster_is_called_one_and_gets_no_database() -> None:
    section = RedisSection(url="redis://node.example:6390/0", cluster=True)
    assert "db" not in parsed(section)[1]
    environment = feast_environment(load_settings(redis=section))
    assert environment["RECO_FEAST_REDIS_TYPE"] == "redis_cluster"


def test_a_socket_is_a_path() -> None:
    assert parsed(RedisSection(url="unix:///run/store.sock?db=2"))[1].items() >= {
        "unix_socket_path": "/run/store.sock", "db": 2,
    }.items()  # fmt: skip


@given(password=st.text(min_size=1, alphabet=st.characters(exclude_categories=("Cs",))))
def test_any_password_arrives_as_it_is(password: str) -> None:
    assert parsed(RedisSection(url="redis://localhost:6379/0", password=password))[1]["password"] == password


def test_an_option_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"redis\.url"):
        connection_string(RedisSection(url="redis://localhost:6379?socket_timeout=never"))
