"""Settings of who may call the lookup API, how much, and when it stops asking a store that is late."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from reco_contracts.api_keys import parse_key_line
from reco_contracts.errors import ContractError
from reco_contracts.settings_section import Count, NotNegative, Positive, Section

Origin = Annotated[str, Field(pattern=r"^https?://[^/\s*]+$")]


class DoorsSection(Section):
    """[doors]; the key of our own commands comes from RECO_DOORS__CLIENT_KEY only."""

    keys_required: Literal["auto", "always", "never"] = "auto"
    keys: tuple[str, ...] = ()
    requests_per_second: NotNegative = 0.0
    burst_seconds: Positive = 2.0
    max_body_mb: Positive = 4.0
    body_timeout_seconds: Positive = 5.0
    idle_timeout_seconds: Positive = 30.0
    cors_origins: tuple[Origin, ...] = ()
    logged_errors_per_second: Count = 10
    client_key: SecretStr | None = None

    @field_validator("keys")
    @classmethod
    def _check_keys(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no hashed key; the line itself is not shown, it could be a key."""
        for number, line in enumerate(lines, start=1):
            try:
                parse_key_line(line)
            except ContractError as error:
                raise ValueError(f"entry {number}: {error}") from error
        return lines


class BreakerSection(Section):
    """[breaker]."""

    late_replies: Count = 50
    open_seconds: Positive = 0.25
