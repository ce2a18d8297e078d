"""What differs between drivers: URLs, and how a running statement is cancelled."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL

_CANCEL_SECONDS = 5.0


def for_psycopg(url: URL) -> URL:
    """The same database for psycopg: libpq's query keys stay, other drivers' go."""
    from psycopg import pq

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    query = dict(url.query)
    encrypted = query.get("ssl")
    if isinstance(encrypted, str) and "sslmode" not in query:
        query["sslmode"] = "require" if encrypted.lower() == "true" else encrypted
    query = {key: value for key, value in query.items() if key in known}
    return url.set(drivername="postgresql+psycopg", query=query)


def cancel_by_protocol(driver_connection: Any) -> bool:
    """Cancel what this connection runs, from another thread; False where the driver cannot.

    Unlike pg_cancel_backend, the protocol's cancel needs no privilege.
    https://www.postgresql.org/docs/current/libpq-cancel.html
    """
    safe = getattr(driver_connection, "cancel_safe", None)
    if safe is not None and not inspect.iscoroutinefunction(safe):
        safe(timeout=_CANCEL_SECONDS)
        return True
    cancel = getattr(driver_connection, "cancel", None)
    if cancel is None or inspect.iscoroutinefunction(cancel):
        return False
    cancel()
    return True
