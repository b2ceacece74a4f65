"""Settings of the online half: publishing, the store, the lookup API."""

from typing import Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from reco_contracts.settings_section import Section
from reco_contracts.stream_entries import MAX_SHARDS


class PublishSection(Section):
    """[publish]."""

    subjects_per_bucket: int = Field(64, ge=1, le=512)
    readback_sample: int = Field(200, ge=1)
    safety_ttl_days: int = Field(14, ge=1)
    why: bool = True
    connections: int = Field(2, ge=1, le=16)


class RedisSection(Section):
    """[redis]; the password comes from RECO_REDIS__PASSWORD only."""

    url: str = "redis://127.0.0.1:6379/0"
    cluster: bool = False
    username: str | None = None
    password: SecretStr | None = None
    connect_timeout_seconds: float = Field(2.0, gt=0)
    timeout_seconds: float = Field(5.0, gt=0)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        """Refuse what is no address; no part of it is shown, any could be of a password."""
        if not _is_store_address(url):
            raise ValueError(
                "redis://HOST:PORT/DATABASE, rediss:// (TLS) or unix://PATH?db=DATABASE expected; "
                "a password goes into RECO_REDIS__PASSWORD, or into the address percent-encoded"
            )
        return url

    @model_validator(mode="after")
    def _check_cluster(self) -> Self:
        """A cluster has one database, and its nodes are told apart by host and port."""
        if self.cluster and (urlsplit(self.url).scheme == "unix" or _database(self.url) != "0"):
            raise ValueError("redis.cluster needs redis://HOST:PORT or rediss://HOST:PORT of one node, database 0")
        return self


def _is_store_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    is_cut = bool(parts.fragment) or "@" in parts.query  # a password with a ? or # in it
    return parts.scheme in ("redis", "rediss", "unix") and not is_cut and _database(url).isdecimal()


def _database(url: str) -> str:
    parts = urlsplit(url)
    return parse_qs(parts.query).get("db", ["" if parts.scheme == "unix" else parts.path.strip("/")])[-1] or "0"


class ServingSection(Section):
    """[serving]."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    workers: int = Field(1, ge=1)
    default_limit: int = Field(20, ge=1)
    max_limit: int = Field(100, ge=1)
    max_batch_users: int = Field(500, ge=1, le=5_000)
    read_timeout_seconds: float = Field(0.05, gt=0)
    poll_seconds: float = Field(0.5, gt=0, le=1.0)


class SessionSection(Section):
    """[session]: what a user did lately, and how much it changes their lists."""

    surfaces: tuple[str, ...] = ("home",)
    share: float = Field(0.4, ge=0, le=1)
    newcomer_share: float = Field(0.75, ge=0, le=1)
    half_life_minutes: float = Field(120.0, gt=0)
    neighbours: int = Field(20, ge=1, le=100)
    max_items: int = Field(30, ge=1, le=200)
    ttl_hours: int = Field(72, ge=1)


class StreamsSection(Section):
    """[streams]: what was posted, on its way to landing."""

    event_shards: int = Field(1, ge=1, le=MAX_SHARDS)
    max_entries: int = Field(200_000, ge=1)
    max_mb: int = Field(256, ge=1)
    max_body_mb: float = Field(2.0, gt=0)
    write_timeout_seconds: float = Field(1.0, gt=0)
    retry_after_seconds: int = Field(5, ge=1)


class ServedSection(Section):
    """[served]: the log of served lists."""

    is_logged: bool = True
    shards: int = Field(1, ge=1, le=MAX_SHARDS)
    flush_seconds: float = Field(0.25, gt=0, le=10)
    queue_records: int = Field(20_000, ge=1)
    max_entries: int = Field(20_000, ge=1)


class ErasureSection(Section):
    """[erasure]; the key comes from RECO_ERASURE__KEY only."""

    key: SecretStr | None = Field(None, min_length=16)
