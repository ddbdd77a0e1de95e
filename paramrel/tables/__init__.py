"""Tables of one's own: what each column is, and how its cells become fields of a record."""

from paramrel.tables.column import Column
from paramrel.tables.schema import Schema

__all__ = ["Column", "Schema"]
