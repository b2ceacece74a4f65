"""Show users' lists in the terminal, as the lookup API serves them."""

import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reco_contracts.columns import LIST_SUBJECT
from reco_contracts.errors import ContractError, EmptyPartitionError, StoreUnavailableError
from reco_contracts.settings import Settings
from reco_contracts.surfaces import DEFAULT_VARIANT, HOME

_TIMEOUT_SECONDS = 5.0
_USERS_SHOWN = 3


def run(settings: Settings, users: list[str], *, limit: int, url: str | None, is_quiet: bool = False) -> dict[str, Any]:
    """Fetch and print lists.

    Args:
        settings: where the API and the list files are.
        users: user ids; empty = a few from the live generation's file.
        limit: items a user.
        url: the API's address; None = from [serving].
        is_quiet: fetch without printing.

    Returns:
        Summary: the API's address, the generation, and each user's items.

    Raises:
        StoreUnavailableError: no API answers.
        ContractError: the API refuses the request, such as a limit above its own.
        EmptyPartitionError: no user is named, and there is no list file to pick from.
    """
    address = (url or f"http://{settings.serving.host}:{settings.serving.port}").rstrip("/")
    key = _key_header(settings)
    generation = _get(address, "/readyz", key).get("generation")
    answers = [
        _get(address, f"/v1/users/{quote(user, safe='')}/recommendations", key, limit=limit)
        for user in users or pick_users(settings, generation)
    ]
    if not is_quiet:
        for answer in answers:
            Console().print(list_table(answer))
    lists = {answer["user_id"]: [item["item_id"] for item in answer["items"]] for answer in answers}
    return {"url": address, "generation": generation, "sources": _sources(answers), "users": len(lists)} | (
        {"lists": lists} if is_quiet else {}
    )


def pick_users(settings: Settings, generation: str | None) -> list[str]:
    """A few users with a list, evenly spread over the file.

    Raises:
        EmptyPartitionError: there is no file, or it has no rows.
    """
    path = settings.layout.list_file(generation or "", HOME, DEFAULT_VARIANT)
    if not generation or not path.is_file():
        raise EmptyPartitionError(f"no user is named, and there is no list file to pick from at {path}: name one")
    subjects = pq.read_table(path, columns=[LIST_SUBJECT]).column(0)
    count = min(_USERS_SHOWN, len(subjects))
    if not count:
        raise EmptyPartitionError(f"{path} has no lists; name a user")
    return [subjects[row * len(subjects) // count].as_py() for row in range(count)]


def list_table(answer: dict[str, Any]) -> Table:
    """One list as a table.

    Args:
        answer: as the API gave it.
    """
    title = f"user {answer['user_id']}: {answer['source']} list, generation {answer['generation'] or 'none'}"
    table = Table(title=escape(title), title_justify="left")
    for name in ("#", "item", "title", "categories", "score", "why"):
        table.add_column(name, justify="right" if name in ("#", "score") else "left", overflow="fold")
    for item in answer["items"]:
        cells = (item["item_id"], item["title"], " > ".join(item["categories"]))
        score = f"{item['score']:.3f}"
        table.add_row(str(item["rank"]), *map(escape, cells), score, escape(item["reason"]["text"]))
    return table


def _sources(answers: list[dict[str, Any]]) -> list[str]:
    return sorted({answer["source"] for answer in answers})


def _key_header(settings: Settings) -> dict[str, str]:
    key = settings.doors.client_key
    return {"X-Api-Key": key.get_secret_value()} if key else {}


def _get(address: str, path: str, headers: dict[str, str], **query: Any) -> dict[str, Any]:
    target = f"{address}{path}" + (f"?{urlencode(query)}" if query else "")
    try:
        request = urllib.request.Request(target, headers=headers)  # noqa: S310 - the user's own address
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            body = response.read()
    except urllib.error.HTTPError as error:
        body = error.read()
        if error.code == HTTPStatus.UNAUTHORIZED:
            raise ContractError(
                f"{target} asks for an API key: make one with `reco keys add NAME`, and set RECO_DOORS__CLIENT_KEY"
            ) from error
        if path != "/readyz":
            raise ContractError(f"{target} answered {error.code}: {body[:300].decode(errors='replace')}") from error
    except (OSError, ValueError) as error:
        raise StoreUnavailableError(
            f"no lookup API at {address}: {error}. Start it with `reco serve`, or name it with --url"
        ) from error
    try:
        answer: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ContractError(f"{target} is not the lookup API: {body[:80]!r}") from error
    return answer
