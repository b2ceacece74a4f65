"""A swap under load: every answer is of one generation, through a real server with two workers."""

import asyncio
from datetime import date

import httpx

from benchmarks.list_folder import FolderShape, home_items, item_id, write_list_folder
from jobs.operations.start_api import ApiOptions, lookup_api
from jobs.publishing.publish_lists import run
from jobs.publishing.rollback_generation import run as roll_back
from reco_contracts.settings import Settings

NAMES = tuple(f"2024050{day}-001" for day in range(1, 5))
SHAPES = {
    name: FolderShape(users=400, items=300, shift=13 * day, run_date=date(2024, 5, day))
    for day, name in enumerate(NAMES, start=1)
}


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process the same settings."""
    return {
        "RECO_PROJECT__NAMESPACE": settings.project.namespace,
        "RECO_PATHS__DATA": str(settings.paths.data),
        "RECO_REDIS__URL": settings.redis.url,
        "RECO_SERVING__POLL_SECONDS": "0.05",
        "RECO_LOG_LEVEL": "WARNING",
    }


def check(response: httpx.Response, user: int) -> str:
    """Hold an answer against the formula of the generation that it names, and give that name."""
    content = response.json()
    name = content["generation"]
    assert response.status_code == 200
    assert response.headers["x-reco-generation"] == name
    if content["source"] == "personal":
        assert [item["item_id"] for item in content["items"]] == [
            item_id(item) for item in home_items(user, SHAPES[name])[:20]
        ]
    for item in content["items"]:
        assert item["title"].startswith(f'{name} "'), "a title of another generation"
        assert name in item["reason"]["text"] or item["reason"]["code"] == "popular"
    return str(name)


def test_no_answer_mixes_generations(store_settings: Settings) -> None:
    for name, shape in SHAPES.items():
        write_list_folder(store_settings.layout, name, shape)
    run(NAMES[0], store_settings)
    seen: list[str] = []
    sources: dict[str, int] = {}

    async def read(client: httpx.AsyncClient, first_user: int, stop: asyncio.Event) -> None:
        user = first_user
        while not stop.is_set():
            user = (user + 17) % 400
            response = await client.get(f"/v1/users/user-{user}/recommendations")
            seen.append(check(response, user))
            sources[response.json()["source"]] = sources.get(response.json()["source"], 0) + 1

    async def publish_under_load(url: str) -> None:
        stop = asyncio.Event()
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            readers = [asyncio.create_task(read(client, number, stop)) for number in range(6)]
            for name in NAMES[1:]:
                await asyncio.sleep(0.6)
                await asyncio.to_thread(run, name, store_settings)
            await asyncio.sleep(0.6)
            await asyncio.to_thread(roll_back, store_settings)
            await asyncio.sleep(1.0)
            stop.set()
            await asyncio.gather(*readers)

    options = ApiOptions(port=0, workers=2, environment=environment(store_settings))
    with lookup_api(store_settings, options) as api:
        asyncio.run(publish_under_load(api.url))
    assert set(seen) == set(NAMES)
    assert seen[-1] == NAMES[2]
    assert sources["personal"] > 0.95 * len(seen)
