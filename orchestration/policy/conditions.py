"""Conditions of rules: a boolean SQL expression over the columns of a row, checked when it is loaded.

Here: which expressions are allowed, what is wrong with one that isn't, and a good one as SQL of an engine. Not here:
which columns there are (`signals.py`) and the rules (`actions.py`).

What is allowed reads the same on every engine and can't fail on any row: there is no division, no cast and no query. A
condition that is null is false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from orchestration.policy.problems import nearest, shown
from orchestration.policy.signals import Kind, Signal

_LONGEST = 2000
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?")
# No product of a value and such a factor is too large for the decimals of any engine.
_FACTORS_BELOW = 1_000_000

_EQUALITY = (exp.EQ, exp.NEQ)
_LEAST_COMPARED = 2
# By name; each gives what it takes.
FUNCTIONS = ("abs", "coalesce", "greatest", "least", "lower")


class ConditionError(ValueError):
    """A condition can't be used: what was found, what was expected, and a hint."""

    def __init__(self, found: str, expected: str, hint: str = "") -> None:
        super().__init__(f"found {found}; expected {expected}")
        self.found, self.expected, self.hint = found, expected, hint


def check_condition(text: str, columns: Mapping[str, Signal]) -> None:
    """Raise ConditionError unless `text` is a condition over these columns."""
    tree = _parsed(text)
    kind = _kind(tree, columns)
    if kind != "boolean":
        raise ConditionError(f"{_words(tree)}, a {kind}", "a condition that is true or false")
    if tree.find(exp.Column) is None:
        raise ConditionError(_words(tree), "a condition that names a column", "it is the same for every row")


def columns_of(text: str) -> list[str]:
    """The columns that a good condition names, each once, in the order in which it names them."""
    found = {column.name: column for column in _parsed(text).find_all(exp.Column, bfs=False)}
    return list(found)


def rendered(text: str, dialect: str) -> str:
    """A good condition as SQL of an engine ("duckdb" or "spark")."""
    return _parsed(text).sql(dialect=dialect)


def _parsed(text: str) -> exp.Expr:
    if len(text) > _LONGEST:
        raise ConditionError(f"{len(text):,} characters", f"at most {_LONGEST:,}")
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except SqlglotError as error:
        said = str(error).splitlines()[0] if str(error) else "no expression"
        raise ConditionError(shown(text), "a boolean SQL expression", re.sub(r"\x1b\[[0-9;]*m", "", said)) from None
    for comment in tree.walk():
        comment.comments = None
    return tree


def _kind(node: exp.Expr, columns: Mapping[str, Signal]) -> Kind:
    """What a node gives; raises ConditionError where it isn't allowed or its parts don't fit together."""
    for types, judge in _ALLOWED.items():
        if isinstance(node, types):
            return judge(node, columns)
    raise _not_allowed(node)


def _kind_of_column(node: exp.Column, columns: Mapping[str, Signal]) -> Kind:
    name = node.sql(dialect="duckdb")
    if name not in columns:
        raise ConditionError(f"the column {shown(name)}", "a column of the rule's grain", nearest(name, columns))
    return columns[name].kind


def _kind_of_literal(node: exp.Literal, columns: Mapping[str, Signal]) -> Kind:
    if node.is_string:
        return "text"
    if not _NUMBER.fullmatch(node.this) or Decimal(node.this) != round(Decimal(node.this), 6):
        raise ConditionError(node.this, "a plain number with at most 6 decimals")
    return "number"


def _tested(node: exp.Is, columns: Mapping[str, Signal]) -> Kind:
    of = _kind(node.this, columns)
    if isinstance(node.expression, exp.Null) or (isinstance(node.expression, exp.Boolean) and of == "boolean"):
        return "boolean"
    raise ConditionError(_words(node), "is null, or a condition that is true or is false")


def _compared(node: exp.Expr, columns: Mapping[str, Signal]) -> Kind:
    if set(_given(node)) - {"this", "expression", "expressions", "low", "high"} or len(_parts(node)) < _LEAST_COMPARED:
        raise _not_allowed(node)
    kind = _alike(node, columns)
    if kind == "boolean" and not isinstance(node, _EQUALITY):
        raise ConditionError(_words(node), "numbers or texts", "a condition is true or false, not more or less")
    return "boolean"


def _alike(node: exp.Expr, columns: Mapping[str, Signal]) -> Kind:
    parts = _parts(node)
    kinds = [_kind(part, columns) for part in parts]
    for part, kind in zip(parts[1:], kinds[1:], strict=True):
        if kind != kinds[0]:
            found = f"{_words(parts[0])}, a {kinds[0]}, with {_words(part)}, a {kind}"
            raise ConditionError(found, "values of one kind", f"in {_words(node)}")
    return kinds[0]


def _all_of(wanted: Kind, node: exp.Expr, columns: Mapping[str, Signal]) -> Kind:
    for part in _parts(node):
        kind = _kind(part, columns)
        if kind != wanted:
            raise ConditionError(f"{_words(part)}, a {kind}", f"a {wanted}", f"in {_words(node)}")
    return wanted


def _multiplied(node: exp.Mul, columns: Mapping[str, Signal]) -> Kind:
    kind = _all_of("number", node, columns)
    factors = [part for part in _parts(node) if isinstance(part, exp.Literal)]
    if any(Decimal(factor.this) < _FACTORS_BELOW for factor in factors) and len(list(node.find_all(exp.Mul))) == 1:
        return kind
    raise ConditionError(_words(node), f"one product, of a value and a plain number below {_FACTORS_BELOW:,}")


def _parts(node: exp.Expr) -> list[exp.Expr]:
    return list(node.iter_expressions())


def _given(node: exp.Expr) -> list[str]:
    return [name for name, value in node.args.items() if value not in (None, [], False)]


def _not_allowed(node: exp.Expr) -> ConditionError:
    if isinstance(node, exp.Func):
        name = node.sql_name().lower() if not isinstance(node, exp.Anonymous) else node.name.lower()
        return ConditionError(
            f"{_words(node)}", f"one of the functions {', '.join(FUNCTIONS)}", nearest(name, FUNCTIONS)
        )
    if isinstance(node, exp.Div | exp.IntDiv | exp.Mod):
        return ConditionError(_words(node), "no division", "multiply the other side instead")
    return ConditionError(
        _words(node), "and, or, not, comparisons, between, in, is null, + - *, columns and plain values"
    )


def _words(node: exp.Expr) -> str:
    return shown(node.sql(dialect="duckdb")).strip('"') if not isinstance(node, exp.Literal) else node.sql()


def _null(node: exp.Null, columns: Mapping[str, Signal]) -> Kind:
    raise ConditionError("NULL", "is null, or is not null", "nothing equals null")


_Judge = Callable[[Any, Mapping[str, Signal]], Kind]
_ALLOWED: Mapping[tuple[type[exp.Expr], ...], _Judge] = {
    (exp.Paren,): lambda node, columns: _kind(node.this, columns),
    (exp.Column,): _kind_of_column,
    (exp.Boolean,): lambda node, columns: "boolean",
    (exp.Literal,): _kind_of_literal,
    (exp.Null,): _null,
    (exp.And, exp.Or, exp.Not): partial(_all_of, "boolean"),
    (exp.GT, exp.GTE, exp.LT, exp.LTE, *_EQUALITY, exp.Between, exp.In): _compared,
    (exp.Is,): _tested,
    (exp.Mul,): _multiplied,
    (exp.Neg, exp.Add, exp.Sub, exp.Abs, exp.Least, exp.Greatest): partial(_all_of, "number"),
    (exp.Lower,): partial(_all_of, "text"),
    (exp.Coalesce,): _alike,
}
