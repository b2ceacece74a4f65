"""All servers of the serving benchmark on one store, each asked for the same kind of thing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

from benchmarks import feast_server, plain_fastapi
from benchmarks.http_target import Target
from benchmarks.list_folder import FolderShape, item_id, user_id, write_list_folder
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.operations.supervise_processes import stop_process
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.api_keys import KeyAccess, NewKey, make_key
from reco_contracts.settings import Settings, load_settings

GENERATION = "20240501-001"
_EVENTS_A_REQUEST = 500
# Every so many users have clicked something since their lists were made.
_ONE_IN_CLICKED = 10
# Users that the servers beside ours know: enough that none of them answers from a cache of its own.
_OTHERS_USERS = 2_000


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure.

    Attributes:
        key: in the report.
        title: in the table.
        target: what is asked.
        fsync: the store's append-only file meanwhile, `everysec` or `always`.
    """

    key: str
    title: str
    target: Target
    fsync: str = "everysec"


@dataclass(slots=True)
class Servers:
    """What runs, and what to ask of it.

    Attributes:
        settings: of the store and the data.
        cases: in order; the first is the trivial application.
        api: our API with everything on.
    """

    settings: Settings
    cases: list[Case]
    api: ApiProcess

    def prepare(self, case: Case) -> None:
        """Set the store for a case, and drain what was logged so far, so that the log never stands still."""
        with redis.Redis.from_url(self.settings.redis.url) as store:
            store.config_set("appendfsync", case.fsync)
            for shard in range(self.settings.served.shards):
                store.unlink(self.settings.keys.served(shard))

    def lost_records(self) -> int:
        """Served records that could not be logged."""
        lines = httpx.get(f"{self.api.url}/metrics").text.splitlines()
        return round(
            sum(float(line.split()[-1]) for line in lines if line.startswith("reco_served_records_lost_total"))
        )


@contextmanager
def running_servers(folder: Path, users: int, items: int, *, has_feast: bool) -> Iterator[Servers]:
    """Publish lists by formula and run every server while the block runs.

    Args:
        folder: for the store and the lists.
        users: users with a list.
        items: items of the catalogue.
        has_feast: with `feast serve`, which takes half a minute to begin.
    """
    with ExitStack() as running:
        store = running.enter_context(embedded_store(folder / "store", StoreOptions(is_durable=True)))
        settings = load_settings(paths={"data": str(folder)}, redis={"url": store.url})
        write_list_folder(settings.layout, GENERATION, FolderShape(users=users, items=items))
        publish(GENERATION, settings)
        key = make_key("bench", (KeyAccess.READ, KeyAccess.WRITE))
        api = running.enter_context(_our_api(settings, key))
        unlogged = running.enter_context(_our_api(settings, key, RECO_SERVED__IS_LOGGED="false"))
        _click(api, key, users, items)
        cases = [_trivial(running), *_our_cases(api, unlogged, key, users, items)]
        cases += [_fastapi(running, settings, api, key), _echo(running)]
        cases += [_feast(running, settings)] if has_feast else []
        yield Servers(settings, cases, api)


def _our_api(settings: Settings, key: NewKey, **others: str) -> AbstractContextManager[ApiProcess]:
    environment = {
        "RECO_PATHS__DATA": str(settings.layout.root),
        "RECO_REDIS__URL": settings.redis.url,
        "RECO_DOORS__KEYS_REQUIRED": "always",
        "RECO_DOORS__KEYS": json.dumps([key.stored.line]),
    }
    return lookup_api(settings, ApiOptions(port=0, environment=environment | others))


def _our_cases(api: ApiProcess, unlogged: ApiProcess, key: NewKey, users: int, items: int) -> list[Case]:
    home = f"/v1/users/user-{{{users}}}/recommendations"

    def asked(path: str, of: ApiProcess = api) -> Target:
        return Target(port=of.port, path=path, headers=(f"x-api-key: {key.text}",))

    return [
        Case("reco_full", "home list, 20 items, everything on", asked(home)),
        Case("reco_lean", "the same, fields=ids", asked(f"{home}?fields=ids")),
        Case("reco_full_unlogged", "home list, no served log", asked(home, unlogged)),
        Case("reco_full_aof_always", "home list, log synced at each write", asked(home), fsync="always"),
        Case("unknown_user", "unknown user, 20 items", asked("/v1/users/stranger-{1000000}/recommendations")),
        Case("one_category", "one category, 20 items", asked(f"{home}?category=category-{{5}}")),
        Case("similar_items", "similar items, 20 items", asked(f"/v1/items/item-{{{items}}}/similar")),
    ]


def _trivial(running: ExitStack) -> Case:
    options = ApiOptions(port=0, application="benchmarks.trivial_app:app", interface="asgi")
    app = running.enter_context(lookup_api(load_settings(), options))
    return Case("trivial", "trivial ASGI app, same server", Target(port=app.port, path="/"))


def _echo(running: ExitStack) -> Case:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.echo_server"], stdout=subprocess.PIPE)
    running.callback(stop_process, process, 5.0)
    assert process.stdout is not None
    return Case("generator_limit", "constant bytes, no HTTP", Target(port=int(process.stdout.readline()), path="/"))


def _fastapi(running: ExitStack, settings: Settings, api: ApiProcess, key: NewKey) -> Case:
    with redis.Redis.from_url(settings.redis.url) as store:
        for number in range(_OTHERS_USERS):
            store.set(plain_fastapi.PREFIX + user_id(number), _our_answer(api, key, user_id(number)))
    environment = os.environ | {"RECO_REDIS__URL": settings.redis.url}
    options = ApiOptions(port=0, environment=environment, application="benchmarks.plain_fastapi:app", interface="asgi")
    app = running.enter_context(lookup_api(settings, options))
    target = Target(port=app.port, path=f"/users/user-{{{_OTHERS_USERS}}}/recommendations")
    return Case("fastapi_redis_py", "FastAPI, pydantic, redis-py", target)


def _feast(running: ExitStack, settings: Settings) -> Case:
    feast_server.write_features(settings, _OTHERS_USERS)
    port = running.enter_context(feast_server.feast_server(settings))
    target = Target(
        port=port,
        path=feast_server.PATH,
        method="POST",
        headers=("content-type: application/json",),
        body=feast_server.question(f"user-{{{_OTHERS_USERS}}}"),
    )
    return Case("feast_serve", "feast serve, one row", target)


def _our_answer(api: ApiProcess, key: NewKey, user: str) -> bytes:
    answer = httpx.get(f"{api.url}/v1/users/{user}/recommendations", headers={"x-api-key": key.text})
    return answer.raise_for_status().content


def _click(api: ApiProcess, key: NewKey, users: int, items: int) -> None:
    """Let some users click an item, so that their recent items are there to be read."""
    clicks = [
        {"user_id": user_id(number), "item_id": item_id(number * 13 % items), "event_type": "click"}
        for number in range(0, users, _ONE_IN_CLICKED)
    ]
    for first in range(0, len(clicks), _EVENTS_A_REQUEST):
        some = clicks[first : first + _EVENTS_A_REQUEST]
        httpx.post(f"{api.url}/v1/events", json=some, headers={"x-api-key": key.text}).raise_for_status()
