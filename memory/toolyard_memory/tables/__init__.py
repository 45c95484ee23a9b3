"""The tables of memory: sessions are short-term, passages with all that leans on them long-term.

Importing this package completes `METADATA`.
"""

from toolyard_memory.tables import documents, facts, passages, sessions, vectors
from toolyard_memory.tables.metadata import METADATA

__all__ = ["METADATA", "documents", "facts", "passages", "sessions", "vectors"]
