"""What a store says when it cannot go on; a refused guard is the SDK's Conflict, not one of these."""


class StorageError(Exception):
    """The database could not do what it was asked (disk full, read-only, damaged, busy); nothing was written."""


class OwnerError(StorageError):
    """Another process owns the database file; `pid` is who, 0 when it cannot be told."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class SchemaError(StorageError):
    """The database's schema is one this version cannot use."""
