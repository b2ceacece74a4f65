"""Logging: one line an event to standard error, text for people, JSON for machines."""

import logging
import os
import sys
from typing import Any

import structlog


def configure_logging() -> None:
    """Set up structlog once a process. RECO_LOG_FORMAT=json and RECO_LOG_LEVEL change it."""
    level = logging.getLevelNamesMapping().get(os.environ.get("RECO_LOG_LEVEL", "INFO").upper(), logging.INFO)
    as_json = os.environ.get("RECO_LOG_FORMAT") == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """A logger whose lines carry the module that wrote them."""
    return structlog.get_logger(module=name)
