"""Items taken down by hand: a file in the data folder, so that the next ranking knows of them too."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import ContractError


class TakenDown(msgspec.Struct, frozen=True):
    """Who took an item down, so to say: when, and why.

    Attributes:
        at: ISO time, UTC.
        note: the reason that was given, or "".
    """

    at: str
    note: str = ""


def read_taken_down(layout: Layout) -> dict[str, TakenDown]:
    """The items that are down, by id.

    Raises:
        ContractError: the file is damaged.
    """
    try:
        return msgspec.json.decode(layout.taken_down.read_bytes(), type=dict[str, TakenDown])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise ContractError(
            f"{layout.taken_down}: item ids with `at` and `note` expected: {error}. Put it right by hand: "
            "while it cannot be read nobody knows what was taken down"
        ) from error


@contextmanager
def changing_taken_down(layout: Layout) -> Iterator[dict[str, TakenDown]]:
    """Give the items that are down, to be changed; write them back. One at a time.

    Raises:
        ContractError: the file is damaged.
    """
    path = layout.taken_down
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        items = read_taken_down(layout)
        yield items
        with replace_file(path) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(items), indent=2))
