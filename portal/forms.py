"""The one reader of forms: bounded in size and time, in UTF-8 and nothing else.

What a body says of its letters isn't followed: some of the codecs that Python knows take minutes for what fits here,
and some give letters that can't be written down again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

URL_ENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
MOST_BYTES = 256 * 1024
# As long as any body may be.
_MOST_UPLOADED_BYTES = 4 * 1024 * 1024
_SECONDS = 30.0
# Longer than any browser writes; its reader slows down with length.
_LONGEST_TYPE = 300
# Else the rest of a body that wasn't read would be waited for.
_CLOSE = {"Connection": "close"}


async def read_fields(request: Request, most_fields: int, most_bytes: int = MOST_BYTES) -> FormData:
    """The fields of a form without files; raises HTTPException 400, 408, 413 or 415."""
    if "content-type" in request.headers:
        _check_type(request, (URL_ENCODED,))
    body = await _body(request, most_bytes)
    if not body:
        return FormData()
    if "content-type" not in request.headers:
        raise HTTPException(415, f"Forms are {URL_ENCODED}", _CLOSE)
    return await run_in_threadpool(_fields, body, most_fields)


async def read_upload(request: Request, most_fields: int) -> FormData:
    """The fields of a form that may have one file; for people who are signed in and may send one. Raises as above."""
    if _check_type(request, (URL_ENCODED, MULTIPART)) == URL_ENCODED:
        return await read_fields(request, most_fields, _MOST_UPLOADED_BYTES)
    async with _in_time():
        form = await request.form(max_files=1, max_fields=most_fields)
    _check_text([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
    return form


def _check_type(request: Request, taken: tuple[str, ...]) -> str:
    """The media type of a body."""
    given = request.headers.get("content-type", "")
    if len(given) <= _LONGEST_TYPE and len(request.headers.getlist("content-type")) <= 1:
        kind, options = parse_options_header(given)
        found = kind.decode("latin-1").strip()
        # Names of options come as they were written, and are read so by the parser of multipart forms.
        charsets = {value.lower() for name, value in options.items() if name.strip().lower() == b"charset"}
        if found in taken and charsets <= {b"utf-8", b"utf8"}:
            return found
    raise HTTPException(415, f"Forms are {' or '.join(taken)} in UTF-8", _CLOSE)


async def _body(request: Request, most: int) -> bytes:
    too_large = HTTPException(413, f"A form has at most {most:,} bytes", _CLOSE)
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 12 or int(declared) > most):
        raise too_large
    parts: list[bytes] = []
    length = 0
    async with _in_time():
        async for part in request.stream():
            length += len(part)
            if length > most:
                raise too_large
            parts.append(part)
    return b"".join(parts)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """A body comes within this, or not at all."""
    try:
        async with asyncio.timeout(_SECONDS):
            yield
    except TimeoutError:
        raise HTTPException(408, "The form didn't come in time", _CLOSE) from None
    except ClientDisconnect:
        raise HTTPException(400, "The form broke off", _CLOSE) from None


def _fields(body: bytes, most_fields: int) -> FormData:
    try:
        if body.count(b"&") >= most_fields:
            raise HTTPException(400, f"A form has at most {most_fields:,} fields")
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise HTTPException(400, "The form isn't in UTF-8") from None
    _check_text(fields)
    return FormData(fields)


def _check_text(fields: list[tuple[str, str]]) -> None:
    """No field has what can't be stored: NUL, or half of a letter. Raises HTTPException."""
    for pair in fields:
        text = "".join(pair)
        if "\0" in text:
            raise HTTPException(400, "A field has a character that is none")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise HTTPException(400, "A field has half of a character") from None
