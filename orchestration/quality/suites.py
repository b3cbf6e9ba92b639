"""Expectation suites as data: what `expectations/*.yaml` may say, and reading it with errors that name the place.

Here: the models of a rule and a suite, shared rules, and the loader. Not here: running a rule (`runner.py`) or the
views its query reads (`views.py`).

A rule is either a native Great Expectations expectation on one column (`expect`) or a `query` that returns the
failing rows. A query's numbers stand beside it as `params` and are bound by DuckDB as named parameters; `$as_of`,
`$reporting_currency` and `$time_zone` are there for every query.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import duckdb
from pydantic import BeforeValidator, ValidationError, model_validator

from orchestration.policy.base import (
    Flag,
    Name,
    Number,
    Percent,
    PolicyModel,
    Text,
    findings,
    refuse,
    setting,
)
from orchestration.policy.document import Document, read_document
from orchestration.policy.problems import Finding, Problem, key_path, nearest, shown
from orchestration.sources.streams import STREAMS

SHARED_FILE = "shared.yaml"
PUBLISHED_FOLDER = "published"
CONTEXT_PARAMS = frozenset({"as_of", "reporting_currency", "time_zone"})

Severity = Literal["critical", "warning", "info"]
Effect = Literal["set_aside", "blank_value", "listed"]
Parameter = int | Decimal | str | tuple[str, ...]


def _parameter(value: Any) -> Parameter:
    if isinstance(value, bool) or value is None:
        raise refuse("a number, text or a list of texts")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, int | str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise refuse("a number, text or a list of texts")


class Expectation(PolicyModel):
    """A native expectation: its Great Expectations class and what that takes."""

    type: Literal[
        "ExpectColumnValuesToNotBeNull",
        "ExpectColumnValuesToBeBetween",
        "ExpectColumnValuesToBeInSet",
    ] = setting("class in great_expectations.expectations", "class")
    column: Name = setting("the column that is judged", "name")
    min_value: Number | None = setting("least value that passes", "the column's", default=None)
    max_value: Number | None = setting("greatest value that passes", "the column's", default=None)
    strict_min: Flag = setting("whether min_value itself fails", "true or false", default=False)
    strict_max: Flag = setting("whether max_value itself fails", "true or false", default=False)
    value_set: tuple[Text, ...] | None = setting("every value that passes", "list", default=None)

    @model_validator(mode="after")
    def _takes_what_it_needs(self) -> Expectation:
        has_range = self.min_value is not None or self.max_value is not None
        if (self.type == "ExpectColumnValuesToBeBetween") != has_range:
            raise refuse("min_value, max_value or both with ExpectColumnValuesToBeBetween, and with it alone")
        if (self.type == "ExpectColumnValuesToBeInSet") != (self.value_set is not None):
            raise refuse("value_set with ExpectColumnValuesToBeInSet, and with it alone")
        return self

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the Great Expectations class."""
        given = self.model_dump(exclude={"type"}, exclude_defaults=True)
        for edge in ("min_value", "max_value"):
            if edge in given:
                given[edge] = float(given[edge])
        if "value_set" in given:
            given["value_set"] = list(given["value_set"])
        return given


class Rule(PolicyModel):
    """One rule: what it says to people, how bad a failure is, what happens to failing rows, and the test itself."""

    name: Name = setting("stable id, unique in the suite; shared names mean the same in every suite", "name")
    title: Text = setting("the rule in a few words", "text")
    description: Text = setting("the rule in plain words, as a sentence", "text")
    severity: Severity = setting("critical stops or rejects, warning publishes and lists, info lists", "word")
    critical_above_pct: Percent | None = setting(
        "over this share of the source's rows the failure is critical", "% of rows", default=None
    )
    family: Name | None = setting(
        "rules whose failing rows are counted together against critical_above_pct", "name", default=None
    )
    owner_role: Name = setting("who can mend it", "role")
    effect: Effect = setting("what happens to the failing row or value", "word", default="listed")
    phase: Literal["rows", "cross"] = setting(
        "rows: while a stream is read; cross: when all streams are there", "word", default="rows"
    )
    expected: Text = setting("what should stand there, in words that finish 'expected …'", "text")
    expect: Expectation | None = setting("a native expectation", "mapping", default=None)
    query: Text | None = setting("DuckDB SQL that returns the failing rows", "SQL", default=None)
    params: dict[Name, Annotated[Any, BeforeValidator(_parameter)]] = setting(
        "named values of the query", "by meaning", default_factory=dict
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Rule:
        if (self.expect is None) == (self.query is None):
            raise refuse("either expect or query, not both")
        if self.expect is not None and (self.params or self.phase == "cross"):
            raise refuse("params and phase cross with a query only")
        if self.phase == "cross" and (self.effect != "listed" or self.can_be_critical):
            # By then the streams' rows are chosen and counted, so nothing can be set aside or rejected any more.
            raise refuse("effect listed and no critical severity in phase cross")
        if self.query is not None:
            _check_query(self.query, self.params)
        return self

    @property
    def can_be_critical(self) -> bool:
        return self.severity == "critical" or self.critical_above_pct is not None

    @property
    def guards_use(self) -> bool:
        """Whether data must not be used when this rule couldn't be evaluated."""
        return self.can_be_critical or self.effect != "listed"


def _check_query(query: str, params: Mapping[str, Parameter]) -> None:
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise refuse(f"SQL that DuckDB can read ({str(error).splitlines()[0]})") from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise refuse("one SELECT")
    used = set(statements[0].named_parameters) - CONTEXT_PARAMS
    if used != set(params):
        wrong = ", ".join(f"${name}" for name in sorted(used ^ set(params)))
        raise refuse(f"the same names in params and as $name in the query; {wrong} stands in one of them only")


class Suite(PolicyModel):
    """The rules of one stream or one published table."""

    table: Name = setting("the stream or published table; also the file's name", "name")
    record: Text = setting("what one row is, as a person says it", "noun")
    label: Text = setting("SQL for what a person calls the row; where it is null the key stands in", "SQL")
    key: tuple[Name, ...] = setting("the columns that tell rows apart", "list", min_length=1)
    rules: tuple[Rule, ...] = setting("the rules, in the order they run", "list", min_length=1)

    @model_validator(mode="after")
    def _names_once(self) -> Suite:
        _check_query(f"select {self.label}", {})
        names = [rule.name for rule in self.rules]
        again = sorted({name for name in names if names.count(name) > 1})
        if again:
            raise refuse(f"each rule name once; again: {', '.join(again)}")
        return self

    def rule(self, name: str) -> Rule:
        """The rule called `name`; raises KeyError when the suite has none."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(f"suite {self.table} has no rule {name}")


class _SharedRules(PolicyModel):
    """`shared.yaml`: rules that many suites take over by name; `{table}`, `{key}`, `{record}` are the suite's."""

    rules: tuple[dict[str, Any], ...] = setting("rules, as in a suite", "list")


class SuiteError(ValueError):
    """The expectation files can't be used; `problems` has every reason, from all files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        heading = f"{count} problem{'s' if count != 1 else ''} in the expectations:"
        super().__init__("\n".join([heading, *(f"  {problem}" for problem in self.problems)]))


def load_suites(directory: Path) -> dict[str, Suite]:
    """The suites of all streams, by stream; raises SuiteError with every problem found."""
    directory = Path(directory)
    problems: list[Problem] = []
    suites = _read_folder(directory, directory, problems)
    for name in sorted(set(suites) - set(STREAMS)):
        hint = nearest(name, STREAMS)
        problems.append(Problem(f"{name}.yaml", None, "table", shown(name), "the name of a stream", hint))
    for name in sorted(set(STREAMS) - set(suites)):
        if not (directory / f"{name}.yaml").exists():
            problems.append(Problem(f"{name}.yaml", None, "", "no such file", "a suite for each stream"))
    if problems:
        raise SuiteError(problems)
    return {name: suites[name] for name in STREAMS}


def load_published_suites(directory: Path) -> dict[str, Suite]:
    """The suites of published tables, by table; raises SuiteError with every problem found."""
    problems: list[Problem] = []
    suites = _read_folder(Path(directory) / PUBLISHED_FOLDER, Path(directory), problems)
    if problems:
        raise SuiteError(problems)
    return suites


def _read_folder(folder: Path, base: Path, problems: list[Problem]) -> dict[str, Suite]:
    if not folder.is_dir():
        problems.append(Problem(str(folder), None, "", "no such folder", "a folder of suites"))
        return {}
    shared = _read_shared(folder / SHARED_FILE, base, problems)
    suites = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name != SHARED_FILE:
            suite = _read_suite(path, base, shared, problems)
            if suite is not None:
                suites[suite.table] = suite
    return suites


def _read_shared(path: Path, base: Path, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    document = _document(path, base, problems)
    shared: dict[str, dict[str, Any]] = {}
    for index, rule in enumerate(document.values.get("rules") or ()):
        if not isinstance(rule, dict) or "name" not in rule:
            problems.append(_placed(document, Finding(("rules", index), shown(rule), "a rule with a name")))
            continue
        shared[str(rule["name"])] = rule
    return shared


def _read_suite(path: Path, base: Path, shared: Mapping[str, dict[str, Any]], problems: list[Problem]) -> Suite | None:
    before = len(problems)
    document = _document(path, base, problems)
    if len(problems) > before:
        return None
    values = dict(document.values)
    values.setdefault("table", path.stem)
    if values["table"] != path.stem:
        finding = Finding(("table",), shown(values["table"]), f"{path.stem}, as the file is called")
        problems.append(_placed(document, finding))
        return None
    if values["table"] in STREAMS:
        values.setdefault("key", list(STREAMS[values["table"]].key))
    values["rules"] = _with_shared(document, values, shared, problems)
    try:
        suite = Suite.model_validate(values)
    except ValidationError as error:
        problems += [_placed(document, finding) for finding in findings(error, Suite)]
        return None
    return suite if len(problems) == before else None


def _with_shared(
    document: Document,
    values: Mapping[str, Any],
    shared: Mapping[str, dict[str, Any]],
    problems: list[Problem],
) -> Any:
    """The suite's rules with `- shared: name` replaced by the shared rule, its own keys over the shared ones."""
    rules = values.get("rules")
    if not isinstance(rules, list):
        return rules
    whole = []
    for index, rule in enumerate(rules):
        if not isinstance(rule, dict) or "shared" not in rule:
            whole.append(rule)
            continue
        name = str(rule["shared"])
        if name not in shared:
            place = ("rules", index, "shared")
            finding = Finding(place, shown(name), f"a rule of {SHARED_FILE}", nearest(name, shared))
            problems.append(_placed(document, finding))
            continue
        own = {key: value for key, value in rule.items() if key not in ("shared", "with")}
        slots = _slots(document, ("rules", index, "with"), rule.get("with", {}), values, problems)
        merged = {**shared[name], **own}
        merged["params"] = {**shared[name].get("params", {}), **own.get("params", {})}
        whole.append({key: _filled(value, slots) for key, value in merged.items()})
    return whole


_SLOT = re.compile(r"\{([a-z_]+)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _slots(
    document: Document, place: tuple[str | int, ...], given: Any, values: Mapping[str, Any], problems: list[Problem]
) -> dict[str, str]:
    """What stands in braces in a shared rule: the suite's own words, and names given under `with`."""
    slots = {
        "table": str(values["table"]),
        "key": ", ".join(map(str, values.get("key") or ())),
        "record": str(values.get("record", "")),
    }
    if not isinstance(given, dict) or not all(isinstance(v, str) and _NAME.fullmatch(v) for v in given.values()):
        problems.append(_placed(document, Finding(place, shown(given), "names such as {date: start_date}")))
        return slots
    return given | slots


def _filled(value: Any, slots: Mapping[str, str]) -> Any:
    """The value with its braces filled in; an unknown name stays, and DuckDB refuses it."""
    return _SLOT.sub(lambda match: slots.get(match[1], match[0]), value) if isinstance(value, str) else value


def _document(path: Path, base: Path, problems: list[Problem]) -> Document:
    document, found = read_document(path)
    name = path.relative_to(base).as_posix()
    problems += [dataclasses.replace(problem, file=name) for problem in found]
    return dataclasses.replace(document, file=name)


def _placed(document: Document, finding: Finding) -> Problem:
    return Problem(
        document.file,
        document.line(finding.path),
        key_path(finding.path),
        finding.found,
        finding.expected,
        finding.hint,
    )
