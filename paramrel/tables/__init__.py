"""Tables of one's own: what each column is, its cells as fields of a record, and models of both."""

from paramrel.tables.column import Column
from paramrel.tables.imputer import TableImputer
from paramrel.tables.model import TableModel
from paramrel.tables.schema import Schema

__all__ = ["Column", "Schema", "TableImputer", "TableModel"]
