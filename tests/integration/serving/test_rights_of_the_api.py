"""The rights that docs/store.md names are enough for all that the API does, and the store denies it nothing."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import redis
from serving_scenes import settings_for, until, with_api

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run
from serving_api.api import LookupApi

NAME = "20240501-001"
USER = "/v1/users/user-7"
CLICK = {"user_id": "user-7", "item_id": "item-3", "event_type": "click"}
LINE = re.compile(r"^ACL SETUSER api (.+)$", re.MULTILINE)


def test_the_documented_rights_are_enough(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "store.md").read_text()
    rights = LINE.findall(text)[0].replace(">PASSWORD", ">of-the-api").split()
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as store:
        store.execute_command("ACL", "SETUSER", "api", *rights)
        owner = settings_for(server.url, tmp_path)
        write_list_folder(owner.layout, NAME, FolderShape(users=20, has_why=True))
        run(NAME, owner)
        settings = settings_for(
            server.url,
            tmp_path,
            redis={"username": "api", "password": "of-the-api"},
            serving={"poll_seconds": 0.05},
            served={"flush_seconds": 0.05},
        )

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
            for path in ("recommendations", "page?surfaces=home", "features", "recommendations/item-49/why"):
                assert (await client.get(f"{USER}/{path}")).status_code == 200, path
            assert (await client.get("/v1/items/item-3/similar")).json()["source"] == "similar"
            assert (await client.post("/v1/events", json=CLICK)).status_code == 202
            assert (await client.post("/v1/recommendations:batch", json={"users": ["user-7"]})).status_code == 200
            await client.get(f"{USER}/recommendations")
            await until(lambda: store.xlen(owner.keys.served(0)) > 0)
            assert (await client.delete(USER)).status_code in (200, 202, 204)
            await asyncio.sleep(1.2)  # what runs each second behind the requests

        with_api(settings, scene)
        denied: Any = store.execute_command("ACL", "LOG")
        assert [(one[b"reason"], one[b"object"]) for one in map(_entry, denied)] == []


def _entry(flat: Any) -> dict[bytes, Any]:
    return flat if isinstance(flat, dict) else dict(zip(flat[0::2], flat[1::2], strict=True))
