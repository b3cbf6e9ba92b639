"""Policies: what every value is, where it stands and what it means; and what another value would change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from orchestration.policy.aliases import FILE_NAME as ALIASES
from orchestration.policy.describe import Setting, describe
from orchestration.policy.document import read_document
from orchestration.policy.load import known_files
from orchestration.policy.models import POLICY_FILES
from orchestration.policy.problems import PolicyError, key_path
from portal import audit
from portal.background import BusyError, State
from portal.listing import plain
from portal.previews import READ_BEFORE, Draft, as_edited, compared, draft_of, source_text
from portal.web import Allowed, Refusal, Visit, absent, checked_form

router = APIRouter()
_may = Allowed("revops", "admin")
_may_write = Allowed("revops", "admin", writes=True)
_may_send = Allowed("revops", "admin", writes=True, takes_files=True)
_MOST_FOUND = 100
_LONGEST_SEARCH = 200


@dataclass(frozen=True)
class File:
    """One policy file, for the list of them."""

    name: str
    stem: str
    about: str
    shapes_results: bool
    values: int


@dataclass(frozen=True)
class Value:
    """A value with the line it stands on; None where the file leaves it out."""

    setting: Setting
    line: int | None


@router.get("/policies")
def policies(visit: Visit = Depends(_may)) -> Response:
    """The files, and values by what they are called, hold or mean."""
    text = (visit.request.query_params.get("q") or "").strip()[:_LONGEST_SEARCH]
    settings = describe(visit.policies)
    found = [one for one in settings if _fits(one, text)] if text else []
    return visit.page(
        "policies.html.j2",
        files=_files(visit, settings),
        text=text,
        found=found[:_MOST_FOUND],
        count=len(found),
        most=_MOST_FOUND,
        version=visit.policies.version,
        published=_published_version(visit),
    )


@router.get("/policies/previews/{draft_id}")
def preview(draft_id: str, visit: Visit = Depends(_may)) -> Response:
    """What an edited file would change, or how far that is."""
    draft = _draft(visit, draft_id)
    task = draft.task
    return visit.page(
        "policies_preview.html.j2",
        draft=draft,
        task=task,
        is_over=task is None or task.state.is_over,
        is_done=task is not None and task.state is State.DONE,
        ahead=visit.portal.previews.ahead(task) if task and task.state is State.WAITING else 0,
        was_read_before=draft.file in READ_BEFORE,
        most=visit.policies.portal.preview_rows_most,
        seconds_most=visit.policies.portal.preview_seconds_most,
    )


@router.get("/policies/previews/{draft_id}/{name}.patch")
def patch_of(draft_id: str, name: str, visit: Visit = Depends(_may)) -> Response:
    """The change as a file for git apply; nothing is adopted here."""
    draft = _draft(visit, draft_id)
    if name != _stem(draft.file) or draft.errors or not draft.patch:
        raise absent()
    visit.audit(audit.Event.POLICY_PREVIEW, draft.file, detail="took the patch")
    headers = {"Content-Disposition": f'attachment; filename="{name}.patch"'}
    return Response(draft.patch.encode(), media_type="text/x-patch; charset=utf-8", headers=headers)


@router.post("/policies/previews/{draft_id}/cancel")
def cancel(draft_id: str, visit: Visit = Depends(_may_write), form: FormData = Depends(checked_form)) -> Response:
    """End the comparison."""
    draft = _draft(visit, draft_id)
    if draft.task is not None:
        visit.portal.previews.cancel(draft.task)
    visit.audit(audit.Event.POLICY_PREVIEW, draft.file, detail="cancelled the preview")
    return visit.back(f"/policies/previews/{draft_id}", "The preview was cancelled; nothing was changed.")


@router.get("/policies/{stem}")
def policy(stem: str, visit: Visit = Depends(_may)) -> Response:
    """One file: each value with its unit, meaning and line, and the text it stands in."""
    file = _file(stem)
    folder = visit.portal.settings.policies
    text = source_text(folder, file)
    return visit.page(
        "policy.html.j2",
        stem=stem,
        file=file,
        about=_about(file),
        shapes_results=_shapes_results(file),
        values=_values(visit, file),
        lines=text.splitlines(),
        text=text,
        most=visit.policies.portal.preview_bytes_most,
    )


@router.post("/policies/{stem}")
def make_preview(stem: str, visit: Visit = Depends(_may_send), form: FormData = Depends(checked_form)) -> Response:
    """Check an edited file and begin to compare; the address of the preview is the answer."""
    file = _file(stem)
    settings = visit.portal.settings
    content = _sent(form, file, source_text(settings.policies, file), visit.policies.portal.preview_bytes_most)
    try:
        draft = draft_of(settings.policies, file, content)
    except PolicyError as error:
        raise Refusal(409, "The policies in force can't be read", f"Mend them first. {error}") from None
    if not draft.errors and draft.shapes_results and draft.values:
        try:
            draft.task = visit.portal.previews.ask(
                (_session(visit), draft.draft_id),
                _session(visit),
                compared,
                settings,
                file,
                content,
                visit.policies.portal.preview_rows_most,
            )
        except BusyError:
            raise Refusal(
                503, "Too many previews wait", "They run one at a time: try again in a minute.", {"Retry-After": "60"}
            ) from None
    visit.portal.drafts.keep(_session(visit), draft)
    visit.audit(
        audit.Event.POLICY_PREVIEW,
        file,
        detail=f"{len(draft.errors)} problems" if draft.errors else f"{len(draft.values)} values differ",
    )
    return visit.back(f"/policies/previews/{draft.draft_id}")


def _sent(form: FormData, file: str, before: str, most: int) -> bytes:
    """The edited file: an upload where there is one, else the text of the form; raises Refusal."""
    upload = form.get("upload")
    if isinstance(upload, UploadFile) and upload.filename:
        if upload.filename != file:
            raise Refusal(400, "Another file", f"It is called {upload.filename[:100]!r}; this page takes {file} alone.")
        content = upload.file.read(most + 1)
    else:
        text = form.get("text")
        if not isinstance(text, str):
            raise Refusal(400, "Nothing was sent", "Edit the text, or choose a file.")
        content = as_edited(text, before).encode("utf-8", errors="surrogatepass")
    if len(content) > most:
        raise Refusal(413, "This is too large", f"An edited policy file has at most {most:,} bytes.")
    return content


def _draft(visit: Visit, draft_id: str) -> Draft:
    # First whatever another publication took the place of goes.
    visit.portal.shows(visit.reader.edition.snapshot_id)
    draft = visit.portal.drafts.find(_session(visit), draft_id)
    if draft is None:
        raise absent()
    return draft


def _session(visit: Visit) -> str:
    """A name of the session that can be kept: nothing can be signed with it."""
    token = visit.session.form_token if visit.session else ""
    return hashlib.sha256(token.encode()).hexdigest()


def _stem(file: str) -> str:
    return file.rpartition(".")[0]


def _file(stem: str) -> str:
    """The policy file of a page; raises Refusal as for a page that isn't there."""
    file = next((name for name in known_files() if _stem(name) == stem), None)
    if file is None:
        raise absent()
    return file


def _model(file: str) -> Any:
    return next((one for one in POLICY_FILES.values() if one.file_name == file), None)


def _about(file: str) -> str:
    model = _model(file)
    words = (model.__doc__ or "") if model else "Names that sources use for accounts the CRM calls otherwise."
    return words.strip().splitlines()[0]


def _shapes_results(file: str) -> bool:
    model = _model(file)
    return bool(model and model.shapes_results)


def _files(visit: Visit, settings: Sequence[Setting]) -> list[File]:
    counts: dict[str, int] = {ALIASES: len(visit.policies.account_aliases)}
    for one in settings:
        counts[one.file] = counts.get(one.file, 0) + 1
    return [
        File(name, _stem(name), _about(name), _shapes_results(name), counts.get(name, 0))
        for name in sorted(known_files())
    ]


def _fits(setting: Setting, text: str) -> bool:
    hay = plain(f"{setting.file} {setting.key} {setting.value} {setting.unit} {setting.meaning}".replace("_", " "))
    return all(word in hay for word in plain(text.replace("_", " ")).split())


def _values(visit: Visit, file: str) -> list[Value]:
    lines = _lines(visit, file)
    return [Value(one, lines.get(one.key)) for one in describe(visit.policies) if one.file == file]


def _lines(visit: Visit, file: str) -> Mapping[str, int]:
    path = visit.portal.settings.policies / file
    if file == ALIASES or not path.is_file():
        return {}
    document, _ = read_document(path)
    return {key_path(key): line for key, line in document.lines.items()}


def _published_version(visit: Visit) -> str | None:
    try:
        return visit.reader.manifest.policy_version
    except Refusal:
        return None
