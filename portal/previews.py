"""What another text of one policy file would change, before anybody adopts it: checked, compared, given as a patch.

A draft belongs to the session that made it and is kept in memory alone. The policies folder is read, never written: the
edited file stands in a copy of it that goes when the work is done.
"""

from __future__ import annotations

import difflib
import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from orchestration.policy.load import known_files, load_policies, read
from orchestration.policy.models import POLICY_FILES
from orchestration.policy.problems import PolicyError, Problem, Severity
from orchestration.policy.tables.actions import RULES_VARIABLE, rules_text
from orchestration.settings import Settings
from orchestration.whatif.inputs import NoInputsError
from orchestration.whatif.models import CompiledModels, ModelsError, compile_models
from orchestration.whatif.policy_diff import PolicyDiff, changed_values, diff_policies
from portal.background import Task, ToldError

# What these say is done when records are read, and the records of a comparison were read already.
READ_BEFORE = ("sources.yaml", "systems.yaml", "account_aliases.csv")


@dataclass
class Draft:
    """One edited file: what is wrong with it, or what would change."""

    file: str
    before: str
    # None where what was sent is no text.
    after: str | None
    problems: Sequence[Problem]
    values: Sequence[tuple[str, str, str]] = ()
    # The comparison; None where there is nothing to compare.
    task: Task | None = None
    draft_id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))

    @property
    def errors(self) -> list[Problem]:
        return [one for one in self.problems if one.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Problem]:
        return [one for one in self.problems if one.severity is not Severity.ERROR]

    @property
    def shapes_results(self) -> bool:
        """Whether the file's values are part of policy_version."""
        model = next((one for one in POLICY_FILES.values() if one.file_name == self.file), None)
        return model.shapes_results if model else False

    @property
    def patch(self) -> str:
        """The change as a unified diff, for `git apply` or `patch -p1` at the project's root."""
        return patch(f"policies/{self.file}", self.before, self.after or "")


# One session doesn't push out those of the others.
_MOST_OF_A_SESSION = 5


class Drafts:
    """The drafts of all sessions, the latest ones."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._drafts: OrderedDict[tuple[str, str], Draft] = OrderedDict()

    def keep(self, session: str, draft: Draft) -> None:
        """Keep a draft of a session; its oldest goes when it has too many, and the oldest of all when all have."""
        with self._lock:
            self._drafts[session, draft.draft_id] = draft
            own = [key for key in self._drafts if key[0] == session]
            for key in own[:-_MOST_OF_A_SESSION]:
                del self._drafts[key]
            while len(self._drafts) > self._kept:
                self._drafts.popitem(last=False)

    def find(self, session: str, draft_id: str) -> Draft | None:
        """A draft of this session; another session's isn't there."""
        with self._lock:
            return self._drafts.get((session, draft_id))


def source_text(folder: Path, file: str) -> str:
    """The text of a policy file as it stands on disk, ends of lines included; blank where there is none."""
    if file not in known_files():
        raise KeyError(file)
    path = folder / file
    return path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else ""


def as_edited(text: str, before: str) -> str:
    """A text of a form, which ends lines its own way, with the ends that the file has."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain.replace("\n", "\r\n") if "\r\n" in before else plain


def draft_of(folder: Path, file: str, content: bytes) -> Draft:
    """The edited file, checked together with the others; raises PolicyError where those in force can't be read."""
    before = source_text(folder, file)
    with edited(folder, file, content) as other:
        policies, problems = read(other)
        try:
            after: str | None = content.decode("utf-8")
        except UnicodeDecodeError:
            after = None
        draft = Draft(file, before, after, problems)
        if policies is not None and not draft.errors:
            draft.values = changed_values(load_policies(folder), policies)
    return draft


@contextmanager
def edited(folder: Path, file: str, content: bytes) -> Iterator[Path]:
    """A copy of the policies with one file replaced, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="account-health-policies-") as place:
        for name in known_files():
            if name != file and (folder / name).is_file():
                shutil.copyfile(folder / name, Path(place) / name)
        (Path(place) / file).write_bytes(content)
        yield Path(place)


def compared(settings: Settings, file: str, content: bytes, listed: int) -> PolicyDiff:
    """What the edited file would change across the portfolio; raises ToldError. Takes many seconds."""
    try:
        before = load_policies(settings.policies)
        with edited(settings.policies, file, content) as other:
            after = load_policies(other)
        return diff_policies(
            settings.inputs_path,
            before,
            after,
            lambda policies: _models(settings.dbt_project, rules_text(policies, "duckdb")),
            listed=listed,
            memory_limit=settings.memory_limit,
        )
    except NoInputsError:
        raise ToldError("Nothing has run in this home yet, so there is nothing to compare: refresh once.") from None
    except PolicyError as error:
        raise ToldError(f"The policies changed meanwhile and can't be read. {error}") from None
    except ModelsError as error:
        raise ToldError(f"The models don't run under these values: {str(error).splitlines()[0]}") from None


@lru_cache(maxsize=4)
def _models(project: Path, rules: str) -> CompiledModels:
    return compile_models(project, {RULES_VARIABLE: rules})


def patch(path: str, before: str, after: str) -> str:
    """A unified diff of a file below the root, from one text to the other; blank where they are the same."""
    parts = []
    for line in difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}"):
        parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one, as git and patch have it."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
