"""Logs: a JSON line per event on standard error, readable lines where a person watches. No ticket text below warning level."""

import logging
import sys

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
QUIET = ("uvicorn", "aiokafka", "alembic", "httpx2", "httpcore2", "kafka")


def configure_logs(level: str, role: str) -> None:
    """One format for our own events and for those of libraries, which speak from warning level on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines: structlog.typing.Processor = structlog.processors.JSONRenderer(ensure_ascii=True)
    last = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else lines
    structlog.configure(
        processors=[*shared, structlog.processors.dict_tracebacks, last] if last is lines else [*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=role)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
