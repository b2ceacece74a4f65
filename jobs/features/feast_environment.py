"""What Feast is told: the data folder, the project's name and the store's address."""

import json
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml
from redis.connection import SSLConnection, parse_url

from reco_contracts.errors import ConfigError, EmptyPartitionError
from reco_contracts.serving_settings import RedisSection
from reco_contracts.settings import Settings

REPOSITORY_FOLDER: Final = Path(__file__).resolve().parents[2] / "feature_repo"


def feast_environment(settings: Settings) -> dict[str, str]:
    """The variables that feature_repo/feature_store.yaml and its sources name.

    Raises:
        ConfigError: redis.url is no address, or this is no checkout.
    """
    if not REPOSITORY_FOLDER.is_dir():
        raise ConfigError(
            f"{REPOSITORY_FOLDER} is not there; install the project from its checkout (`pip install -e .`)"
        )
    return {
        "RECO_PATHS__DATA": str(settings.layout.root),
        "RECO_PROJECT__NAMESPACE": settings.project.namespace,
        "RECO_FEAST_REDIS": connection_string(settings.redis),
        "RECO_FEAST_REDIS_TYPE": "redis_cluster" if settings.redis.cluster else "redis",
        "FEAST_USAGE": "False",
    }


def feast_config(settings: Settings) -> dict[str, Any]:
    """feature_repo/feature_store.yaml with the settings in its placeholders.

    They are filled in here rather than through os.environ, which would leak the address into every later subprocess.

    Raises:
        ConfigError: redis.url is no address, or this is no checkout.
    """
    environment = feast_environment(settings)
    template = Template((REPOSITORY_FOLDER / "feature_store.yaml").read_text())
    config: dict[str, Any] = yaml.safe_load(template.substitute(environment))
    return config


def require_definitions(settings: Settings) -> None:
    """Make sure that the definitions were applied to this data folder.

    Raises:
        EmptyPartitionError: they never were.
    """
    if not settings.layout.feast.exists():
        raise EmptyPartitionError(f"{settings.layout.feast} is not there; run `reco apply-features` first")


def connection_string(section: RedisSection) -> str:
    """The store's address in Feast's form, `host:port,name=value,...`; it holds the password.

    Feast splits at commas and reads each value as JSON where it can. Values are
    therefore written as JSON without a comma or a single quote, so that a
    password may hold any character (and one of digits stays a text).

    Raises:
        ConfigError: the address has an unknown scheme or a wrong part.
    """
    try:
        parameters: dict[str, Any] = dict(parse_url(section.url))  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ConfigError(f"redis.url (RECO_REDIS__URL) is no address of a store: {error}") from error
    address = f"{parameters.pop('host', 'localhost')}:{parameters.pop('port', 6379)}"
    if parameters.pop("connection_class", None) is SSLConnection:
        parameters["ssl"] = True
    if "path" in parameters:
        parameters["unix_socket_path"] = parameters.pop("path")
    if section.cluster:
        parameters.pop("db", None)  # a cluster has one, and its client takes no number
    if section.username:
        parameters["username"] = section.username
    if section.password:
        parameters["password"] = section.password.get_secret_value()
    parameters.setdefault("socket_connect_timeout", section.connect_timeout_seconds)
    parameters.setdefault("socket_timeout", section.timeout_seconds)
    return ",".join([address, *(f"{name}={_as_json(value)}" for name, value in sorted(parameters.items()))])


def _as_json(value: Any) -> str:
    return json.dumps(value).replace(",", "\\u002c").replace("'", "\\u0027")
