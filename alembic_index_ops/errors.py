"""The errors: each message names the object, the cause and the next step."""

from __future__ import annotations


class IndexOpsError(Exception):
    """Base of every error that this package raises on purpose."""


class ArgumentError(IndexOpsError, ValueError):
    """An argument is missing, malformed or contradicts another one; nothing was changed."""


class UnsupportedError(IndexOpsError):
    """The operation has no meaning here: this dialect, this kind of table, this context."""


class TransactionError(IndexOpsError):
    """env.py owns the transaction that a concurrent build would have to end."""


class TableNotFoundError(IndexOpsError):
    """The table does not exist, or is not on the search path."""


class NameTakenError(IndexOpsError):
    """The index's name belongs to something that this operation may not touch."""


class DefinitionDiffersError(NameTakenError):
    """The name belongs to a valid index of this table with another definition."""


class DropRefusedError(IndexOpsError):
    """The index serves a constraint or a replica identity, or belongs to another table."""


class ReplaceRefusedError(IndexOpsError):
    """Something stands on the index that another one cannot take over."""


class IndexNotFoundError(IndexOpsError):
    """There is no such index on the table."""


class LockTimeoutError(IndexOpsError):
    """A lock was not to be had within `lock_timeout`, or a deploy_lock within its timeout."""


class DrainTimeoutError(IndexOpsError):
    """Older transactions or snapshots did not end within `drain_timeout`."""


class BuildError(IndexOpsError):
    """The server refused or cut off a build; the message says what is left behind."""


class DuplicateKeysError(BuildError):
    """The rows hold duplicates of a key that a unique index has to keep apart."""


class VerificationError(IndexOpsError):
    """The server built something else than what was asked for."""


class CannotJudgeError(IndexOpsError):
    """The server cannot normalise a definition, so "same" or "different" cannot be said."""


class DropError(IndexOpsError):
    """A drop was cut off; the message says how to finish it and how to restore the index."""
