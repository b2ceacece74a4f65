"""The straight way of a read and the general one give the same answer, and the straight way is taken."""

import gc
import json
from typing import Any

import httpx
import pytest
from serving_scenes import with_api

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.live_rules import LivePin, LiveRules
from reco_contracts.settings import Settings
from serving_api.api import LookupApi
from serving_api.plain_list import PlainList
from serving_api.request import Request
from serving_api.rules import index_rules

QUERIES = ("", "?limit=3", "?limit=100", "?fields=ids", "?fields=ids&limit=7", "?surface=home", "?exclude_seen=false")
USERS = [f"user-{number}" for number in (0, 1, 7, 199)]


def answers(settings: Settings, rules: LiveRules | None = None) -> dict[str, dict[str, Any]]:
    """Every user's answer to every query, without what is new each time."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
        if rules:
            catalogue = api.live.generation.catalogue
            catalogue.rules = await index_rules(rules, catalogue)
        found = {}
        for path in [f"/v1/users/{user}/recommendations{query}" for user in USERS for query in QUERIES]:
            await client.get(path)  # what is remembered of a query is remembered by its first request
            answer = await client.get(path)
            kept = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
            found[path] = {**kept, **json.loads(answer.content), "request_id": None}
        return found

    return with_api(settings, scene)


def general_answers(monkeypatch: pytest.MonkeyPatch, settings: Settings, rules: LiveRules | None = None) -> Any:
    """The same without the straight way."""
    with monkeypatch.context() as patch:
        patch.setattr(PlainList, "answer", lambda *_: None)
        return answers(settings, rules)


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """A store with one generation."""
    write_list_folder(store_settings.layout, "20240501-001", FolderShape())
    run("20240501-001", store_settings)
    return store_settings


def count_straight(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each time that the straight way was tried: whether it gave the answer."""
    tried: list[bool] = []
    answer = PlainList.answer

    def counted(self: PlainList, *arguments: Any) -> Any:
        given = answer(self, *arguments)
        tried.append(given is not None)
        return given

    monkeypatch.setattr(PlainList, "answer", counted)
    return tried


def test_both_ways_give_the_same(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    general = general_answers(monkeypatch, published)
    tried = count_straight(monkeypatch)
    assert answers(published) == general
    assert len(tried) == len(USERS) * len(QUERIES) + (len(USERS) - 1) * len(QUERIES)
    assert all(tried)


def test_rules_hold_on_both_ways(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = (LivePin(surface="home", position=2, item_id="item-90"),)
    for rules in (LiveRules(blocked=("item-3", "item-8", "item-50")), LiveRules(pins=pins)):
        general = general_answers(monkeypatch, published, rules)
        assert answers(published, rules) == general
        short = [str(answer["items"]) for path, answer in general.items() if path.endswith("?limit=3")]
        assert all(("item-90" in items) == bool(rules.pins) for items in short)


def test_requests_leave_nothing_to_the_collector(published: Settings) -> None:
    """It is told to rest (`serving_api.app`), so what only it could free would pile up."""

    async def ask_often(api: LookupApi, times: int) -> None:
        async def no_body(_: int) -> bytes:
            return b""

        for number in range(times):
            path = f"/v1/users/user-{number}/recommendations".encode()
            answer, _ = await api.respond(Request("GET", path, b"", lambda _: None, no_body))
            assert answer.status == 200

    async def scene(api: LookupApi, _: httpx.AsyncClient) -> int:
        await ask_often(api, 50)
        gc.collect()
        gc.disable()
        try:
            await ask_often(api, 400)  # half of them are of strangers
            return gc.collect()
        finally:
            gc.enable()

    assert with_api(published, scene) < 40


def test_a_new_generation_is_not_answered_for_by_the_old_one(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        path = "/v1/users/user-1/recommendations?limit=5"
        before = [(await client.get(path)).json() for _ in range(2)]
        write_list_folder(published.layout, "20240502-001", FolderShape(shift=11))
        run("20240502-001", published)
        await api.live.refresh()
        after = [(await client.get(path)).json() for _ in range(2)]
        assert [answer["generation"] for answer in before + after] == ["20240501-001"] * 2 + ["20240502-001"] * 2
        assert after[0]["items"] == after[1]["items"]
        assert before[0]["items"] != after[0]["items"]

    with_api(published, scene)
