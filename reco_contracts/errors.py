"""The errors of the product. Each message says what was expected, what came, where, and what to do."""


class RecoError(Exception):
    """Base of every error that a user is meant to read."""

    exit_code = 1


class ConfigError(RecoError):
    """A setting is missing, unknown, or out of its range."""

    exit_code = 2


class ContractError(RecoError):
    """Data or arguments break an agreed shape, type or name."""

    exit_code = 3


class EmptyPartitionError(RecoError):
    """A job was asked for a date or a table that holds no rows."""

    exit_code = 4


class ValidationFailedError(RecoError):
    """A check on features or lists failed; nothing may be published."""

    exit_code = 5


class GateRefusedError(RecoError):
    """The release gate does not let the candidate replace what is live."""

    exit_code = 6


class PublishError(RecoError):
    """The store cannot take a generation, or took it wrongly."""

    exit_code = 7


class StoreUnavailableError(RecoError):
    """The Redis-protocol server cannot be reached."""

    exit_code = 8
