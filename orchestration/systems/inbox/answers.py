"""What a mail server's answers to FETCH say: nested lists of words, in which somebody else's file names stand.

Everything here comes from strangers: lists may be deep, names may be paths, encodings may be wrong. Nothing is raised
for a mail that makes no sense; it has no attachments then.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value, decode_params, getaddresses
from typing import Any

_TOKEN = re.compile(
    rb' *(?:(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^\s()"\[{]+(?:\[[^\]]*\](?:<\d+>)?)?))',
    re.DOTALL,
)
_LITERAL_MARK = re.compile(rb" *\{\d+\+?\}$")
_INTERNAL_DATE = "%d-%b-%Y %H:%M:%S %z"
_DISPOSITIONS = (b"attachment", b"inline")
_LONGEST_NAME = 60
_LONGEST_NUMBER = 20
# Type, subtype, parameters, id, description, encoding, size: what every part has.
_PARAMETERS, _ENCODING, _SIZE, _NESTED = 2, 5, 6, 8


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment of a mail: its number, as IMAP counts, its decoded file name, encoding and size as sent."""

    number: str
    name: str
    encoding: str
    size: int


@dataclass(frozen=True, slots=True)
class Mail:
    """What is looked at of a mail. `arrived`: when the server got it."""

    uid: int
    arrived: datetime
    senders: frozenset[str]
    subject: str
    message_id: str
    parts: tuple[Part, ...]


def messages(data: Sequence[Any]) -> list[dict[str, Any]]:
    """The answers to one FETCH: item -> value. Lists are lists, strings bytes, NIL None."""
    stack: list[list[Any]] = [[]]
    for token in _tokens(data):
        if token is _OPEN:
            stack.append([])
        elif token is _CLOSE:
            if len(stack) > 1:
                done = stack.pop()
                stack[-1].append(done)
        else:
            stack[-1].append(token)
    return [_items(found) for found in stack[0] if isinstance(found, list)]


def mail(items: dict[str, Any]) -> Mail | None:
    """The mail that an answer describes; None where it isn't about one (flags that somebody changed)."""
    try:
        uid = int(items["UID"])
        arrived = datetime.strptime(_text(items["INTERNALDATE"]).strip(), _INTERNAL_DATE)
    except (KeyError, ValueError, TypeError):
        return None
    raw = next((value for name, value in items.items() if name.startswith("BODY[HEADER")), None)
    headers = BytesHeaderParser().parsebytes(raw if isinstance(raw, bytes) else b"")
    return Mail(
        uid,
        arrived,
        # As they stand: a decoded name could look like an address.
        frozenset(address.casefold() for _, address in getaddresses(_all(headers, "From")) if address),
        " ".join(_decoded(" ".join(_all(headers, "Subject"))).split()),
        "".join(_all(headers, "Message-ID")).strip(),
        tuple(_parts(items.get("BODYSTRUCTURE"))),
    )


def fits(name: str, pattern: str) -> bool:
    """Whether a file name is one that is looked for, in any case."""
    return fnmatch.fnmatchcase(_plain(name).casefold(), _plain(pattern).casefold())


def safe_name(name: str) -> str:
    """A file name that is nothing but a name: letters, digits, dots, dashes; the ending is kept."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", unicodedata.normalize("NFKD", name)).lstrip("._-")
    return safe[-_LONGEST_NAME:].lstrip("._-") or "attachment"


_OPEN, _CLOSE = object(), object()


def _tokens(data: Sequence[Any]) -> Iterator[Any]:
    for piece in data:
        if isinstance(piece, tuple):
            # Text that ends with the length of a literal, and the literal.
            yield from _words(_LITERAL_MARK.sub(b"", piece[0]))
            yield piece[1]
        elif isinstance(piece, bytes):
            yield from _words(piece)


def _words(text: bytes) -> Iterator[Any]:
    for found in _TOKEN.finditer(text):
        if found["open"]:
            yield _OPEN
        elif found["close"]:
            yield _CLOSE
        elif found["quoted"] is not None:
            yield re.sub(rb"\\(.)", rb"\1", found["quoted"], flags=re.DOTALL)
        else:
            yield None if found["atom"].upper() == b"NIL" else found["atom"]


def _items(found: list[Any]) -> dict[str, Any]:
    names = found[0::2]
    return {_text(name).upper(): value for name, value in zip(names, found[1::2], strict=False) if name}


def _parts(structure: Any) -> Iterator[Part]:
    """The parts of a mail that have a file name, in whichever part they lie, in order."""
    waiting: list[tuple[str, Any]] = [("", structure)]
    while waiting:
        number, node = waiting.pop()
        if not isinstance(node, list) or not node:
            continue
        if isinstance(node[0], list):
            inner = itertools.takewhile(lambda child: isinstance(child, list), node)
            prefix = f"{number}." if number else ""
            waiting += reversed([(f"{prefix}{position}", child) for position, child in enumerate(inner, 1)])
            continue
        number = number or "1"
        if len(node) > _NESTED and _lower(node[0]) == b"message" and isinstance(node[_NESTED], list):
            nested = node[_NESTED]
            is_multipart = bool(nested) and isinstance(nested[0], list)
            waiting.append((number if is_multipart else f"{number}.1", nested))
        if len(node) > _SIZE and (name := _file_name(node)):
            yield Part(number, name, _text(node[_ENCODING] or b"7bit").casefold(), _whole_number(node[_SIZE]))


def _file_name(node: list[Any]) -> str:
    """The part's file name, without any folders; empty without one."""
    name = next(filter(None, [*_disposed(node), _parameter(node[_PARAMETERS], "name")]), "")
    return _plain(re.split(r"[/\\]", name)[-1])


def _disposed(node: list[Any]) -> Iterator[str]:
    """The file name that goes with how a part is to be shown."""
    for child in node[_SIZE + 1 :]:
        if isinstance(child, list) and len(child) > 1 and _lower(child[0]) in _DISPOSITIONS:
            yield _parameter(child[1], "filename")
        elif _lower(child).partition(b";")[0].strip() in _DISPOSITIONS:
            # The header as one string, which no standard has but some servers send.
            header = Message()
            header["Content-Disposition"] = " ".join(_text(child).split())
            yield _decoded(header.get_filename(""))


def _parameter(parameters: Any, wanted: str) -> str:
    if not isinstance(parameters, list):
        return ""
    both = zip(parameters[0::2], parameters[1::2], strict=False)
    pairs = [(_text(name).casefold(), _text(value)) for name, value in both]
    try:
        # Pieces and encodings of RFC 2231; the first pair isn't looked at.
        decoded = decode_params([("", ""), *pairs])[1:]
        found = next((value for name, value in decoded if name == wanted), "")
        found = collapse_rfc2231_value(found) if isinstance(found, tuple) else found.strip('"')
    except (ValueError, TypeError, LookupError):
        return ""
    return _decoded(found)


def _decoded(text: str) -> str:
    """Words of RFC 2047 as what they stand for; as they are where they make no sense."""
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, UnicodeError, HeaderParseError):
        return text


def _plain(name: str) -> str:
    """A name in one form, without characters that aren't seen."""
    return "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] != "C").strip()


def _all(headers: Message, name: str) -> list[str]:
    return [str(value) for value in headers.get_all(name, [])]


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _lower(value: Any) -> bytes:
    return value.lower() if isinstance(value, bytes) else b""


def _whole_number(value: Any) -> int:
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) < _LONGEST_NUMBER else 0
