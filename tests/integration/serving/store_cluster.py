"""A Redis Cluster of six nodes on loopback: three primaries, a replica each."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from jobs.operations.free_port import choose_port
from jobs.publishing.embedded_store import HOST, StoreAddress, StoreOptions, embedded_store

PRIMARIES = 3
_SLOTS = 16_384
_SECONDS = 60.0


@contextmanager
def store_cluster(folder: Path) -> Iterator[list[StoreAddress]]:
    """Run the cluster while the block runs; the primaries come first.

    Args:
        folder: of the nodes' files.
    """
    with ExitStack() as stack:
        nodes = [stack.enter_context(_node(folder / f"node-{number}")) for number in range(2 * PRIMARIES)]
        clients = [stack.enter_context(redis.Redis(HOST, node.port, decode_responses=True)) for node in nodes]
        _join(clients)
        yield nodes


def _node(folder: Path) -> "contextmanager[StoreAddress]":  # type: ignore[valid-type]
    # The usual port of the bus, ten thousand further up, may be beyond the last one.
    options = {"cluster-enabled": "yes", "cluster-port": str(choose_port(HOST, 0).port), "cluster-node-timeout": "5000"}
    return embedded_store(folder, StoreOptions(extra=options))


def _join(clients: list[redis.Redis]) -> None:
    for number, client in enumerate(clients[:PRIMARIES]):
        first, last = (_SLOTS * at // PRIMARIES for at in (number, number + 1))
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for client in clients[1:]:
        config = clients[0].config_get("cluster-port") | clients[0].config_get("port")
        client.execute_command("CLUSTER", "MEET", HOST, config["port"], config["cluster-port"])
    _until(lambda: all(len(_nodes(client)) == len(clients) for client in clients))
    for number, client in enumerate(clients[PRIMARIES:]):
        primary = clients[number].execute_command("CLUSTER", "MYID")
        client.execute_command("CLUSTER", "REPLICATE", primary)
    _until(lambda: all(_is_ready(client) for client in clients))


def _nodes(client: redis.Redis) -> dict[str, dict[str, str]]:
    found = client.cluster("NODES")
    return {name: node for name, node in found.items() if "handshake" not in node["flags"]}


def _is_ready(client: redis.Redis) -> bool:
    replicas = sum("slave" in node["flags"] for node in _nodes(client).values())
    return replicas == PRIMARIES and client.cluster("INFO")["cluster_state"] == "ok"


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the cluster did not form")
        time.sleep(0.05)
