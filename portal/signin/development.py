"""Sign-in for trying the portal on one's own machine: a person picks what to be.

It exists only where it was switched on, and only while the server listens on loopback.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.params import Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from portal.access import Identity
from portal.signin.common import check_attempts, read_form, welcome
from portal.web import ALL, Portal, Refusal, render

PATH = "/sign-in/development"
router = APIRouter()


@router.get(PATH)
def choose(request: Request) -> Response:
    """The page with what one may be."""
    check_attempts(request)
    portal: Portal = request.app.state.portal
    choices: dict[str, list[str]] = {}
    for name, column in (("owners", "owner_name"), ("geos", "geo"), ("regions", "region")):
        with portal.library.current() as edition:
            # Before anybody is signed in there is no viewer; this page exists on loopback only.
            found = edition.connection.cursor().execute(
                f"select distinct {column} from published.account_signals where {column} is not null order by 1"  # noqa: S608
            )
            choices[name] = [row[0] for row in found.fetchall()]
    return render(
        request, "development.html.j2", roles=ALL, choices=choices, path=request.query_params.get("path", "/")
    )


@router.post(PATH)
def sign_in(request: Request, form: FormData = Depends(read_form)) -> Response:  # noqa: B008 - FastAPI's way
    """Sign in as what was picked."""
    person = " ".join(str(form.get("person") or "").split())[:120]
    roles = tuple(str(role) for role in form.getlist("role") if role in ALL)
    if not person or not roles:
        raise Refusal(400, "Not enough", "Choose a name and at least one role.")
    identity = Identity(
        person=person,
        shown_as=person,
        method="development",
        roles=roles,
        geos=tuple(str(one) for one in form.getlist("geo")),
        regions=tuple(str(one) for one in form.getlist("region")),
    )
    return welcome(request, identity, str(form.get("path") or "/"))
