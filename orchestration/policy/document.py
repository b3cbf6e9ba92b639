"""Reading one YAML file into plain values and the line of every key, and refusing what could harm or mislead.

Here: encoding, size, syntax, aliases, duplicate keys, plain scalars (YAML 1.2 core: `yes` and `no` are words, a date
is text). Not here: what the keys mean (`base.py` and the models).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import yaml

from orchestration.policy.problems import Problem, key_path, shown

# Limits of safety, not of meaning: a policy file is written by hand, so nothing real comes near them.
MAX_BYTES = 1_048_576
MAX_DEPTH = 24

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds, and where each of its keys stands."""

    file: str
    values: dict[str, object]
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest key around it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


class _Refused(Exception):
    """Reading can't go on past this point of the file."""

    def __init__(self, line: int | None, found: str, expected: str, hint: str = "") -> None:
        super().__init__(found)
        self.line, self.found, self.expected, self.hint = line, found, expected, hint


class _CoreLoader(yaml.SafeLoader):
    """The safe loader with the scalars of YAML 1.2: 1.1 reads `no` as false and `1:30` as ninety."""


class _QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The same by libyaml, which takes a fifteenth of the time."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]{1,18}$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})$", "-+.0123456789"),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
_QuickLoader.yaml_implicit_resolvers = _CoreLoader.yaml_implicit_resolvers
# Where libyaml takes what the other refuses, or reads it differently: keys after `?`, tabs, odd line ends and marks.
_READ_WITH_CARE = re.compile(
    "[^\n\x20-\x7e\xa1-\u2027\u202f-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[?!]|[|>][^ \n]*#"
)

_SCALARS: dict[str, Callable[[str], object]] = {
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": Decimal,
    "tag:yaml.org,2002:str": str,
}


def decode(path: Path) -> str:
    """The text of a policy file: UTF-8 (a byte order mark is dropped), of a size a person writes."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise _Refused(None, f"{size:,} bytes", f"at most {MAX_BYTES:,} bytes")
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{raw[error.start]:02x}, which is not UTF-8"
        raise _Refused(line, found, "text saved as UTF-8") from None


def read_document(path: Path) -> tuple[Document, list[Problem]]:
    """Read one file; where it can't be read the document is empty and the problems say why."""
    name = path.name
    document = Document(name, {})
    problems: list[Problem] = []
    text = ""
    try:
        text = decode(path)
        node = _tree(text)
        if not isinstance(node, yaml.MappingNode):
            found = "an empty file" if node is None else f"a {node.id} at the top"
            raise _Refused(None if node is None else _line(node), found, "keys with values (key: value)")
        document.values.update(_mapping(node, (), document, problems))
    except _Refused as refusal:
        return Document(name, {}), [Problem(name, refusal.line, "", refusal.found, refusal.expected, refusal.hint)]
    except OSError as error:
        return Document(name, {}), [Problem(name, None, "", f"a file that can't be read: {error.strerror}", "a file")]
    except yaml.YAMLError as error:
        return Document(name, {}), [_syntax_problem(name, text, error)]
    return document, problems


def refusal(path: Path, reader: Callable[[Path], str] = decode) -> tuple[str, Problem | None]:
    """The text of a file that isn't YAML, or the problem with reading it."""
    try:
        return reader(path), None
    except _Refused as refused:
        return "", Problem(path.name, refused.line, "", refused.found, refused.expected, refused.hint)
    except OSError as error:
        return "", Problem(path.name, None, "", f"a file that can't be read: {error.strerror}", "a file")


def _tree(text: str) -> yaml.Node | None:
    """The nodes of a file, None for an empty one; raises _Refused or YAMLError, in one loader's words."""
    if not _READ_WITH_CARE.search(text):
        with suppress(_Refused, yaml.YAMLError):
            return _composed(text, _QuickLoader)
    return _composed(text, _CoreLoader)


def _composed(text: str, loader: type) -> yaml.Node | None:
    _refuse_dangers(text, loader)
    return yaml.compose(text, Loader=loader)


def _refuse_dangers(text: str, loader: type) -> None:
    """Look at the events before any tree is built, so that a bomb is refused at the cost of reading it once."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1
        _refuse_references(event, line)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise _Refused(line, "a second document (---)", "one document a file")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _Refused(line, f"more than {MAX_DEPTH} levels of nesting", "a flatter file")


def _refuse_references(event: yaml.Event, line: int) -> None:
    if isinstance(event, yaml.AliasEvent):
        raise _Refused(line, f"the alias *{event.anchor}", "values written out: policies take no aliases")
    if getattr(event, "anchor", None):
        raise _Refused(line, f"the anchor &{event.anchor}", "values written out: policies take no anchors")
    if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
        raise _Refused(line, f"the tag {event.tag}", "plain values: policies take no tags")


def _syntax_problem(name: str, text: str, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(name, line, "", f"the control character #x{ord(text[error.position]):04x}", "printable text")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else None
    found = str(getattr(error, "problem", None) or error)
    if r"'\t'" in found:
        return Problem(name, line, "", "a tab", "spaces: YAML takes no tabs for indentation")
    context = getattr(error, "context", None)
    return Problem(name, line, "", f"{found} {context}" if context else found, "valid YAML")


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _value(node: yaml.Node, path: KeyPath, document: Document, problems: list[Problem]) -> object:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, problems)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, child in enumerate(node.value):
            document.lines[(*path, index)] = _line(child)
            items.append(_value(child, (*path, index), document, problems))
        return items
    return _SCALARS[node.tag](node.value)


def _mapping(node: yaml.MappingNode, path: KeyPath, document: Document, problems: list[Problem]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(document.file, line, key_path(path), "a key that is no word", "a name: value"))
            continue
        # Keys are names whatever they look like, so `2:` and `true:` are told apart as they were written.
        key = key_node.value
        here = (*path, key)
        if key in values:
            first = document.lines[here]
            expected = f"each key once (first on line {first})"
            problems.append(Problem(document.file, line, key_path(here), f"the key {shown(key)} again", expected))
            continue
        document.lines[here] = line
        values[key] = _value(value_node, here, document, problems)
    return values
