"""What the commands share: options, exit codes, and the way from them to settings and policies."""

from __future__ import annotations

import getpass
import os
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from orchestration.settings import Settings

FAILED = 1
NOT_UNDERSTOOD = 2

HomeOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder that holds everything a run reads and writes. Default: ACCOUNT_HEALTH_HOME, else .account-health."
    ),
]
PoliciesOption = Annotated[
    Path | None, typer.Option(help="Folder with the policy files. Default: the project's policies folder.")
]


class Level(StrEnum):
    """How much runs by itself."""

    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"


def not_understood(words: str) -> NoReturn:
    """End the command: it asked for something that there is not."""
    typer.echo(words, err=True)
    raise typer.Exit(NOT_UNDERSTOOD) from None


def user() -> str:
    """The user of this machine; nothing where it doesn't say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def today(settings: Settings) -> date:
    """The date it is in the business time zone."""
    return datetime.now(ZoneInfo(policies_of(settings).calendar.time_zone)).date()


def policies_of(settings: Settings):
    """The policies; ends the command with every problem when they don't load."""
    from orchestration.policy.load import load_policies
    from orchestration.policy.problems import PolicyError

    try:
        return load_policies(settings.policies)
    except PolicyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from None


def settings_of(**given: Path | None) -> Settings:
    """The settings of the environment, but for those given; ends the command when one can't be used."""
    from pydantic import ValidationError

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            name = f"ACCOUNT_HEALTH_{'_'.join(str(part) for part in problem['loc']).upper()}"
            typer.echo(f"{name}: {problem['msg']}", err=True)
        raise typer.Exit(NOT_UNDERSTOOD) from None


def short(path: Path) -> str:
    """A path as short as it can be said from here."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
