"""Publisher and API: what one writes, the other reads, for lists of any shape."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.publishing.embedded_store import StoreAddress, embedded_store
from jobs.publishing.publish_lists import run
from reco_contracts.artifacts import new_folder
from reco_contracts.columns import LIST_COLUMNS
from reco_contracts.manifests import MANIFEST_FILE, ListsManifest, encode_manifest
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.redis_keys import popular_subject
from reco_contracts.settings import Settings, load_settings
from serving_api.api import LookupApi

_N_ITEMS = 12
_TITLES = [f"Tïtle {number} {{seed}}" for number in range(_N_ITEMS)]
# Clients take "." and ".." out of a path before they send it, however they are encoded.
_ID = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: text not in (".", "..")
)
_ENTRY = st.tuples(st.sampled_from(list(Reason)), st.integers(0, _N_ITEMS - 1))
_LIST = st.tuples(st.permutations(range(_N_ITEMS)), st.lists(_ENTRY, max_size=_N_ITEMS))
_NAMESPACES = count(1)
Lists = dict[str, list[tuple[int, float, Reason, int]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    """A real store."""
    with embedded_store(tmp_path_factory.mktemp("store")) as address:
        yield address


def write_folder(configuration: Settings, generation: str, home: Lists) -> None:
    """A list folder with these home lists and one popular list."""
    popular: Lists = {popular_subject(30): [(item, 1.0, Reason.POPULAR, -1) for item in range(_N_ITEMS)]}
    with new_folder(configuration.layout.lists / generation) as folder:
        for surface, lists in (("home", home), ("popular", popular)):
            (folder / surface).mkdir()
            _write_lists(folder / surface / "default.parquet", lists)
        catalogue = {
            "item_id": [f"i{number}" for number in range(_N_ITEMS)],
            "title": _TITLES,
            "categories": [["all", f"c{number % 3}"] for number in range(_N_ITEMS)],
            "diversity_category": [f"c{number % 3}" for number in range(_N_ITEMS)],
            "is_available": [True] * _N_ITEMS,
        }
        pq.write_table(pa.table(catalogue), folder / "catalogue.parquet")
        manifest = ListsManifest(
            generation=generation,
            run_date="2024-05-01",
            model_version="m",
            n_items=_N_ITEMS,
            popular_windows_days=(30,),
            lists={"home": {"default": len(home)}, "popular": {"default": 1}},
            settings={},
        )
        (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))


def _write_lists(path: Path, lists: Lists) -> None:
    kinds = (pa.int32(), pa.float32(), pa.uint8(), pa.int32())
    columns = [
        pa.array([[entry[part] for entry in entries] for entries in lists.values()], pa.list_(kind))
        for part, kind in enumerate(kinds)
    ]
    pq.write_table(pa.table(dict(zip(LIST_COLUMNS, [pa.array(list(lists), pa.string()), *columns], strict=True))), path)


async def read_lists(configuration: Settings, users: list[str]) -> dict[str, dict[str, object]]:
    """Every user's answer, through HTTP messages."""
    api = LookupApi(configuration)
    await api.start()
    try:
        transport = httpx.ASGITransport(app=api)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://reco") as client:
            paths = {user: f"/v1/users/{quote(user, safe='')}/recommendations" for user in users}
            return {user: (await client.get(path)).json() for user, path in paths.items()}
    finally:
        await api.close()


@settings(max_examples=25, deadline=None)
@given(lists=st.dictionaries(_ID, _LIST, max_size=6))
def test_every_list_comes_out_as_it_was_written(
    server: StoreAddress,
    tmp_path_factory: pytest.TempPathFactory,
    lists: dict[str, tuple[list[int], list[tuple[Reason, int]]]],
) -> None:
    home: Lists = {
        user: [
            (item, 20.0 - at, reason, seed if REASONS[reason].has_seed else -1)
            for at, (item, (reason, seed)) in enumerate(zip(items, entries, strict=False))
        ]
        for user, (items, entries) in lists.items()
    }
    configuration = load_settings(
        project={"namespace": f"agree_{next(_NAMESPACES)}"},
        paths={"data": str(tmp_path_factory.mktemp("data"))},
        redis={"url": server.url},
        publish={"subjects_per_bucket": 2},
    )
    write_folder(configuration, "g", home)
    run("g", configuration)
    answers = asyncio.run(read_lists(configuration, list(home)))
    for user, entries in home.items():
        answer = answers[user]
        source = _source(entries)
        assert (answer["user_id"], answer["source"], answer["generation"]) == (user, source, "g")
        if not entries:
            assert {item["source"] for item in answer["items"]} == {"popular"}
            continue
        best = entries[0][1]
        assert answer["items"] == [
            {
                "item_id": f"i{item}",
                "rank": at + 1,
                "score": pytest.approx(score / best, abs=1e-3),
                "title": _TITLES[item],
                "categories": ["all", f"c{item % 3}"],
                "source": source,
                "reason": _reason(reason, seed),
            }
            for at, (item, score, reason, seed) in enumerate(entries)
        ]


def _source(entries: list[tuple[int, float, Reason, int]]) -> str:
    if not entries:
        return "popular"  # what answers for a list with nothing in it
    # What is pinned says nothing of whose the list is.
    told = [entry[2] for entry in entries if entry[2] != Reason.PINNED]
    return "segment" if told and told[0] == Reason.POPULAR_IN_SEGMENT else "personal"


def _reason(reason: Reason, seed: int) -> dict[str, str]:
    text = REASONS[reason]
    if not text.has_seed:
        return {"code": text.code, "text": text.template}
    return {"code": text.code, "text": text.template.replace("{seed}", _TITLES[seed]), "seed_item_id": f"i{seed}"}
