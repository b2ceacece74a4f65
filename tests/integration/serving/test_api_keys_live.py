"""Keys in the store: made and taken back by a command, followed by a running API, and kept while the store is away."""

import asyncio
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import redis
import structlog
from serving_scenes import settings_for, with_api
from typer.testing import CliRunner

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.cli.main import app
from jobs.operations.start_api import ApiOptions, lookup_api
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run as publish
from jobs.publishing.show_lists import run as show
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings, get_settings, load_settings
from serving_api.api import LookupApi

NAME = "20240501-001"
USER = "/v1/users/user-7/recommendations?limit=2"
STRICT = {"keys_required": "always"}


@contextmanager
def commands_for(settings: Settings) -> Iterator[None]:
    """`reco` commands in this process with these settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECO_PROJECT__NAMESPACE", settings.project.namespace)
        patch.setenv("RECO_PATHS__DATA", str(settings.paths.data))
        patch.setenv("RECO_REDIS__URL", settings.redis.url)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def reco(settings: Settings, *arguments: str) -> dict[str, object]:
    """Run a command and give its summary."""
    with commands_for(settings):
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    summary: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return summary


@pytest.fixture
def strict(store_settings: Settings) -> Settings:
    """A generation in the store, and an API that wants keys."""
    write_list_folder(store_settings.layout, NAME, FolderShape(users=20))
    publish(NAME, store_settings)
    return load_settings(
        project={"namespace": store_settings.project.namespace},
        paths={"data": str(store_settings.paths.data)},
        redis={"url": store_settings.redis.url, "connect_timeout_seconds": 0.5},
        serving={"poll_seconds": 0.05},
        doors=STRICT,
    )


async def status_until(client: httpx.AsyncClient, key: str, wanted: int) -> None:
    """Wait until a key has this effect."""
    async with asyncio.timeout(10):
        while (await client.get(USER, headers={"X-Api-Key": key})).status_code != wanted:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def test_a_key_opens_soon_after_it_is_made_and_not_after_it_is_taken_back(strict: Settings, store: redis.Redis) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert (await client.get(USER)).status_code == 401
        for path in ("/healthz", "/readyz", "/metrics", "/docs"):
            assert (await client.get(path)).status_code == 200, path
        made = await asyncio.to_thread(reco, strict, "keys", "add", "shop")
        key = str(made["key"])
        await status_until(client, key, 200)
        assert (await client.get("/readyz")).json()["keys"] == 1
        assert (await client.get(USER, headers={"Authorization": f"Bearer {key}"})).json()["source"] == "personal"
        assert (await client.get(USER, headers={"X-Api-Key": key[:-1]})).status_code == 401
        await asyncio.to_thread(reco, strict, "keys", "revoke", "shop")
        await status_until(client, key, 401)
        assert key.encode() not in b"".join(store.hgetall(strict.keys.api_keys()).values())

    with_api(strict, scene)


def test_keys_outlive_a_store_that_loses_them_and_one_that_is_away(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store") as server:
        settings = settings_for(
            server.url,
            tmp_path,
            redis={"connect_timeout_seconds": 0.3},
            serving={"poll_seconds": 0.05},
            doors=STRICT,
        )
        key = {"X-Api-Key": str(reco(settings, "keys", "add", "shop")["key"])}

        async def loses(api: LookupApi, client: httpx.AsyncClient) -> None:
            assert (await client.get(USER, headers=key)).status_code == 200
            with redis.Redis.from_url(server.url) as store:
                store.flushall()
            await asyncio.sleep(0.3)
            assert (await client.get(USER, headers=key)).status_code == 200

        with_api(settings, loses)

    async def away(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert (await client.get(USER, headers=key)).status_code == 200
        assert (await client.get(USER, headers={"X-Api-Key": "shop.guess"})).status_code == 401

    with_api(settings, away)
    assert stat.S_IMODE(settings.layout.serving_keys.stat().st_mode) == 0o600


def test_keys_hold_where_their_copy_cannot_be_written(strict: Settings) -> None:
    key = {"X-Api-Key": str(reco(strict, "keys", "add", "shop")["key"])}
    strict.layout.serving_keys.mkdir(parents=True)

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert (await client.get(USER, headers=key)).status_code == 200

    with structlog.testing.capture_logs() as lines:
        with_api(strict, scene)
    told = [line["event"] for line in lines if "keys" in line["event"]]
    assert told == ["the copy of the API keys was not written"]


def test_a_key_in_the_settings_needs_no_store(tmp_path: Path, store_settings: Settings) -> None:
    made = reco(store_settings, "keys", "add", "mail", "--access", "read", "--access", "write", "--rate", "7")
    assert made["access"] == ["read", "write"]
    settings = settings_for(
        "redis://127.0.0.1:1/0",
        tmp_path / "elsewhere",
        redis={"connect_timeout_seconds": 0.2},
        doors=STRICT | {"keys": [made["for_doors_keys"]]},
    )

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert (await client.get(USER, headers={"X-Api-Key": str(made["key"])})).json()["source"] == "fallback"

    with_api(settings, scene)


def test_the_list_names_keys_and_never_shows_them(store_settings: Settings) -> None:
    key = str(reco(store_settings, "keys", "add", "shop", "--access", "admin")["key"])
    rows = reco(store_settings, "keys", "list")["keys"]
    assert [(row["name"], row["access"], row["in"]) for row in rows] == [("shop", ["admin"], "store")]  # type: ignore[attr-defined]
    assert key not in json.dumps(rows)
    with pytest.raises(ContractError, match="there is a key 'shop' already"):
        reco(store_settings, "keys", "add", "shop")
    with pytest.raises(ContractError, match="there are: shop"):
        reco(store_settings, "keys", "revoke", "mail")


def test_a_server_on_every_address_wants_keys_though_the_settings_do_not(strict: Settings) -> None:
    """The settings say loopback, the server is started on 0.0.0.0 by hand."""
    environment = {
        "RECO_PROJECT__NAMESPACE": strict.project.namespace,
        "RECO_PATHS__DATA": str(strict.paths.data),
        "RECO_REDIS__URL": strict.redis.url,
        "RECO_LOG_LEVEL": "ERROR",
    }
    everywhere = strict.model_copy(
        update={"serving": strict.serving.model_copy(update={"host": "0.0.0.0"})}  # noqa: S104 - the test's subject
    )
    key = str(reco(strict, "keys", "add", "shop")["key"])
    with lookup_api(everywhere, ApiOptions(port=0, environment=environment)) as api:
        assert httpx.get(api.url + USER).status_code == 401
        assert httpx.get(api.url + USER, headers={"X-Api-Key": key}).status_code == 200
        with pytest.raises(ContractError, match="RECO_DOORS__CLIENT_KEY"):
            show(strict, ["user-7"], limit=1, url=api.url, is_quiet=True)
        with_key = load_settings(doors={"client_key": key})
        assert show(with_key, ["user-7"], limit=1, url=api.url, is_quiet=True)["users"] == 1
    with lookup_api(strict, ApiOptions(port=0, environment=environment)) as api:
        assert httpx.get(api.url + USER).status_code == 200
