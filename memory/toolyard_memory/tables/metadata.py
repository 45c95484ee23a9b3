"""The metadata that every table of this package belongs to, and what a table class needs to belong to it."""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

METADATA = MetaData()
LEAN = {"sqlite_with_rowid": False}


class MemoryTable(SQLModel, registry=registry(metadata=METADATA)):
    """Ties a table to this package's metadata."""
