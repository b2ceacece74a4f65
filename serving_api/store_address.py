"""Where the store is and how to log in, from the [redis] settings."""

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from reco_contracts.serving_settings import RedisSection

_DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """One Redis-protocol server.

    Attributes:
        host: host name, or None for a Unix socket.
        port: TCP port.
        socket_path: path of the Unix socket, or None for TCP.
        tls: TLS settings, or None for a plain connection.
        hello: commands that open a connection (AUTH, SELECT), in order.
    """

    host: str | None
    port: int
    socket_path: str | None
    tls: ssl.SSLContext | None
    hello: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        """The address without the login."""
        return f"unix://{self.socket_path}" if self.socket_path else f"{self.host}:{self.port}"


def parse_address(section: RedisSection) -> StoreAddress:
    """Read redis://, rediss:// (TLS) and unix:// addresses.

    Args:
        section: the [redis] settings; user and password there win over those in the URL.
    """
    parts = urlsplit(section.url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    is_unix = parts.scheme == "unix"
    database = query.get("db") or ("" if is_unix else parts.path.strip("/")) or "0"
    return StoreAddress(
        host=None if is_unix else parts.hostname or "127.0.0.1",
        port=parts.port or _DEFAULT_PORT,
        socket_path=unquote(parts.path) if is_unix else None,
        tls=_tls(query) if parts.scheme == "rediss" else None,
        hello=(*_login(section, parts.username, parts.password), *((("SELECT", database),) if database != "0" else ())),
    )


def _login(section: RedisSection, url_user: str | None, url_password: str | None) -> tuple[tuple[str, ...], ...]:
    user = section.username or unquote(url_user or "")
    password = section.password.get_secret_value() if section.password else unquote(url_password or "")
    if not password:
        return ()
    return (("AUTH", user, password),) if user else (("AUTH", password),)


def _tls(query: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
    if query.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "ssl_certfile" in query:
        context.load_cert_chain(query["ssl_certfile"], query.get("ssl_keyfile"))
    return context
