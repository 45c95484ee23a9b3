"""SQLAlchemy Core statements as the text and row order a driver takes; knows no connection.

A row gives the values of a statement's parameters by position:
- `insert(table)`: the table's columns, in order;
- anything else: the parameters in the order in which they appear in the SQL (`UPDATE ... SET` in the table's column
  order, then `WHERE`), each appearance counting;
- a statement that pins its order with `.execution_options(row=("status", "id"))`: exactly those names, once each.
Values go to the driver as they are: no type of SQLAlchemy converts them.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

KEEP = 512
"""How many compiled statements are kept: statements are made once at import, so more means a leak."""

Plan = tuple[tuple[str, int | None], ...]
"""Where each positional value of a select with lists comes from: a parameter's name, and the place in its list."""

Pick = Callable[[tuple[Any, ...]], tuple[Any, ...]]


class Write:
    """A compiled write. `pick` puts a row into the driver's order; None when it already is in it."""

    __slots__ = ("names", "pick", "sql")

    def __init__(self, compiled: SQLCompiler, pinned: Sequence[str] | None) -> None:
        appearing = list(compiled.positiontup or ())
        self.sql = compiled.string
        self.names = tuple(pinned) if pinned is not None else tuple(appearing)
        self.pick: Pick | None = None
        if pinned is None or list(pinned) == appearing:
            return
        if sorted(set(appearing)) != sorted(pinned):
            raise TypeError(f"the statement's parameters are {sorted(set(appearing))}, its row names {sorted(pinned)}")
        places = [self.names.index(name) for name in appearing]
        self.pick = cast(Pick, itemgetter(*places))


class Read:
    """A compiled select: its text, and how its named parameters become the driver's positional ones."""

    __slots__ = ("_compiled", "_defaults", "_expanded", "_lists", "_names", "sql")

    def __init__(self, compiled: SQLCompiler) -> None:
        self._compiled = compiled
        self._defaults = dict(compiled.params)
        self._lists = tuple(sorted(compiled.bind_names[p] for p in compiled.post_compile_params))
        self._names = tuple(compiled.positiontup or ())
        self._expanded: dict[tuple[int, ...], tuple[str, Plan]] = {}
        self.sql = compiled.string

    def bind(self, parameters: Mapping[str, Any] | None) -> tuple[str, Sequence[Any]]:
        """Return the SQL and its positional values; raises KeyError for a parameter without a value."""
        given = parameters or {}
        if self._lists:
            return self._bind_lists({**self._defaults, **given})
        if not self._names:
            return self.sql, ()
        return self.sql, [given[name] if name in given else self._default(name) for name in self._names]

    def _default(self, name: str) -> Any:
        value = self._defaults[name]
        if value is None:
            raise KeyError(name)
        return value

    def _bind_lists(self, values: dict[str, Any]) -> tuple[str, Sequence[Any]]:
        """Spread `IN (...)` parameters; the text for each combination of lengths is made once."""
        lengths = tuple(len(values[name]) for name in self._lists)
        known = self._expanded.get(lengths)
        if known is None:
            state = self._compiled.construct_expanded_state(values)
            origin: dict[str, tuple[str, int | None]] = {
                new: (name, i) for name, news in state.parameter_expansion.items() for i, new in enumerate(news)
            }
            plan: Plan = tuple(origin.get(name, (name, None)) for name in state.positiontup or ())
            if len(self._expanded) >= KEEP:
                self._expanded.clear()
            known = self._expanded[lengths] = (state.statement, plan)
        sql, plan = known
        return sql, [values[name] if i is None else values[name][i] for name, i in plan]


class Statements:
    """Compiles each statement once for one dialect, remembering it by identity."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._writes: dict[Any, Write] = {}
        self._reads: dict[Any, Read] = {}

    def write(self, statement: Any) -> Write:
        """Return the compiled insert, update or delete; raises TypeError when a pinned order does not fit it."""
        found = self._writes.get(statement)
        if found is None:
            if len(self._writes) >= KEEP:
                self._writes.clear()
            pinned = statement.get_execution_options().get("row")
            found = self._writes[statement] = Write(statement.compile(dialect=self._dialect), pinned)
        return found

    def read(self, statement: Any) -> Read:
        """Return the compiled select."""
        found = self._reads.get(statement)
        if found is None:
            if len(self._reads) >= KEEP:
                self._reads.clear()
            found = self._reads[statement] = Read(statement.compile(dialect=self._dialect))
        return found
