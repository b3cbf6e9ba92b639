"""Office files whose bytes depend on what they say alone: no clock in the archive, nor in the workbooks inside it."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date

# The earliest time that a zip archive can tell.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_MOMENT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
_PACKED = (".xlsx", ".docx", ".pptx")


def without_clock(archive: bytes, on: date) -> bytes:
    """The same archive, as if it had been made on a date."""
    moment = f"{on.isoformat()}T00:00:00Z".encode()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(_PACKED):
                content = without_clock(content, on)
            elif entry.filename == "docProps/core.xml":
                content = _MOMENT.sub(rb"\g<1>" + moment + rb"\g<2>", content)
            info = zipfile.ZipInfo(entry.filename, _NO_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, content)
    return made.getvalue()
