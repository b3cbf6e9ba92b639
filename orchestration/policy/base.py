"""What all policy models share: strict values that carry a unit and a meaning, and errors said in words.

Here: the base classes, the value types with their units, and the translation of a validation error into found and
expected. Not here: any one policy (`calendar.py`, `health_checks.py`, `sources.py`) or reading files (`load.py`).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from orchestration.policy.problems import Finding, nearest, shown

# A century: far past any contract, and it keeps every date that is computed inside the calendar of all engines.
_MOST_DAYS = 36_525
# What the policy tables' decimal(24, 6) holds exactly on every engine, and everything that is compared with it.
_MOST_DECIMALS = 6
_NUMBERS_BELOW = 10**12
_NAME = r"^[a-z][a-z0-9_]*$"
_MOST_LETTERS = 60


def setting(meaning: str, unit: str, **more: Any) -> Any:
    """A policy key: what it means, in words an editor shows, and the unit its value is in."""
    return Field(description=meaning, json_schema_extra={"unit": unit}, **more)


def refuse(expected: str, hint: str = "", found: str = "") -> PydanticCustomError:
    """The error a validator raises: what was expected, and `found` where the value itself must not be shown."""
    return PydanticCustomError("policy", "expected {expected}", {"expected": expected, "hint": hint, "found": found})


def _secret_name(value: Any) -> Any:
    # Where a name belongs, somebody may have put the secret: nothing of it is shown.
    if not isinstance(value, str) or len(value) > _MOST_LETTERS or not re.fullmatch(_NAME, value):
        expected = f"at most {_MOST_LETTERS} small letters, digits and underscores, a letter first"
        raise refuse(f"{expected}: the name of a secret, not the secret", found="a text that is no name")
    return value


def shown_address(address: str) -> str:
    """An address as it may be shown: one that may hold a user, a password or a token, well-formed or not, isn't."""
    has_more = any(mark in address for mark in "@?#")
    return "an address with a user, a password or parameters" if has_more else shown(address)


def _plain_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise refuse("a number")
    number = Decimal(value)
    if number != round(number, _MOST_DECIMALS) or abs(number) >= _NUMBERS_BELOW:
        raise refuse(f"a number with at most {_MOST_DECIMALS} decimals, nearer to 0 than a trillion")
    return number + 0


Flag = StrictBool
Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(strict=True, pattern=_NAME, max_length=_MOST_LETTERS)]
SecretName = Annotated[Name, BeforeValidator(_secret_name)]
WholeNumber = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
PositiveCount = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
Bytes = Annotated[int, Field(strict=True, ge=1, lt=2**62)]
Days = Annotated[int, Field(strict=True, ge=0, le=_MOST_DAYS)]
WindowDays = Annotated[int, Field(strict=True, ge=1, le=_MOST_DAYS)]
SignedDays = Annotated[int, Field(strict=True, ge=-_MOST_DAYS, le=_MOST_DAYS)]
Number = Annotated[Decimal, BeforeValidator(_plain_number), WithJsonSchema({"type": "number"})]
Percent = Annotated[
    Decimal,
    BeforeValidator(_plain_number),
    Field(ge=0, le=100),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
]
Share = Annotated[
    Decimal,
    BeforeValidator(_plain_number),
    Field(ge=0, le=1),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]


class PolicyModel(BaseModel):
    """A part of a policy: no unknown keys, nothing blank, nothing changed after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    @model_validator(mode="before")
    @classmethod
    def _is_a_mapping(cls, value: Any) -> Any:
        if not isinstance(value, dict | cls):
            keys = ", ".join(keys_of(cls))
            raise refuse(f"a mapping with keys among {keys}")
        return value


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a model as files write them."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


class OneLine(PolicyModel):
    """An entry of a list that people read, and pages show, as one line."""

    @abstractmethod
    def words(self) -> str:
        """The entry in a few words."""


class PolicyFile(PolicyModel):
    """The whole of one file. `shapes_results` decides whether its values are part of `policy_version`."""

    file_name: ClassVar[str]
    shapes_results: ClassVar[bool] = True

    def lint(self) -> Iterator[Finding]:
        """What is wrong with the values taken together; each alone is checked by its type."""
        yield from ()


_EXPECTED_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "decimal_type": "a number",
}


def found_and_expected(error: ErrorDetails, model: type[BaseModel]) -> Finding:
    """One pydantic error in a person's words: the value that stands there, and what should."""
    path = tuple(part for part in error["loc"] if part != "[key]")
    kind, context = error["type"], error.get("ctx", {})
    unit, known = _unit_and_siblings(model, path)
    if kind == "extra_forbidden":
        name = str(path[-1])
        return Finding(path, f"the unknown key {shown(name)}", f"one of {', '.join(known)}", nearest(name, known))
    if kind == "missing":
        meaning = _meaning(model, path)
        return Finding(path, "no such key", f"a value{unit}{f': {meaning}' if meaning else ''}")
    found = context.get("found") or shown(error["input"])
    if kind == "policy":
        return Finding(path, found, f"{context['expected']}{unit}", context.get("hint", ""))
    if kind in ("literal_error", "enum"):
        choices = str(context["expected"]).replace("'", "")
        names = [name.strip() for name in choices.replace(" or ", ", ").split(",")]
        return Finding(path, found, f"one of {', '.join(names)}", nearest(str(error["input"]), names))
    return Finding(path, found, f"{_constraint(kind, context, error)}{unit}")


def _constraint(kind: str, context: dict[str, Any], error: ErrorDetails) -> str:
    match kind:
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "greater_than":
            return f"more than {context['gt']}"
        case "less_than_equal":
            return f"at most {context['le']}"
        case "less_than":
            return f"less than {context['lt']}"
        case "string_too_short":
            return "text that isn't empty"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"text that matches {context['pattern']}"
        case "decimal_max_places":
            return f"a number with at most {context['decimal_places']} decimals"
        case "too_short":
            return f"at least {context['min_length']} of them"
    return _EXPECTED_TYPES.get(kind, error["msg"])


def field_of(model: type[BaseModel], path: tuple[str | int, ...]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The innermost model on `path` and its field there (None where the model declares no such key)."""
    holder, info = model, None
    annotation: Any = model
    for part in path:
        annotation = _plain(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            holder, info = annotation, keys_of(annotation).get(str(part))
            if info is None:
                return holder, None
            annotation = info.annotation
        else:
            arguments = get_args(annotation)
            if not arguments:
                break
            # A mapping's values, or a list's items: both are described by the key that holds them.
            annotation = arguments[1] if get_origin(annotation) is dict else arguments[0]
    return holder, info


def _plain(annotation: Any) -> Any:
    """An annotation without `Annotated` and `| None` around it."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def unit_of(info: FieldInfo | None) -> str:
    """The unit a key declares, or an empty string."""
    extra = info.json_schema_extra if info is not None else None
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _unit_and_siblings(model: type[BaseModel], path: tuple[str | int, ...]) -> tuple[str, list[str]]:
    holder, info = field_of(model, path)
    unit = unit_of(info)
    return f" ({unit})" if unit else "", list(keys_of(holder))


def _meaning(model: type[BaseModel], path: tuple[str | int, ...]) -> str:
    _, info = field_of(model, path)
    return (info.description or "") if info is not None else ""


def findings(error: ValidationError, model: type[BaseModel]) -> list[Finding]:
    """Every part of a pydantic error, as findings in the order of the file's keys."""
    return [found_and_expected(details, model) for details in error.errors(include_url=False)]
