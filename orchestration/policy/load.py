"""Reading a policies folder: every problem of every file at once, by file, line and key.

Here: which files must be there, turning what pydantic and the models find into problems with a place. Not here:
YAML itself (`document.py`) and the rules (the models).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestration.policy import aliases
from orchestration.policy.base import PolicyFile, findings
from orchestration.policy.document import Document, read_document
from orchestration.policy.models import POLICY_FILES, Policies
from orchestration.policy.problems import Finding, PolicyError, Problem, Severity, key_path, nearest

# What a person may take for a policy; anything else in the folder (a README, the schemas) is left alone.
_POLICY_SUFFIXES = (".yaml", ".yml", ".csv", ".json", ".toml")


def known_files() -> tuple[str, ...]:
    """The names of the files a policies folder holds."""
    return (*(model.file_name for model in POLICY_FILES.values()), aliases.FILE_NAME)


def load_policies(directory: Path) -> Policies:
    """The policies of a folder; raises `PolicyError` with every problem when any of them can't be used."""
    policies, problems = read(Path(directory))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if policies is None or errors:
        raise PolicyError(errors)
    return policies


def check(directory: Path) -> list[Problem]:
    """Everything wrong with a folder, errors and warnings, in the order of files and lines."""
    return read(Path(directory))[1]


def read(directory: Path) -> tuple[Policies | None, list[Problem]]:
    """The policies of a folder, None where an error is among the problems; and everything wrong with it, in order."""
    if not directory.is_dir():
        expected = f"a folder with {', '.join(known_files())}"
        return None, [Problem(str(directory), None, "", "no such folder", expected)]
    problems = _stray_files(directory)
    values: dict[str, Any] = {}
    documents: dict[str, Document] = {}
    for name, model in POLICY_FILES.items():
        values[name], documents[name], of_file = _read_file(directory / model.file_name, model)
        problems += of_file
    values["account_aliases"], of_file = _read_aliases(directory / aliases.FILE_NAME)
    problems += of_file
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, _in_order(problems)
    policies = Policies(**values)
    return policies, _in_order(problems + [_placed(documents[name], finding) for name, finding in policies.lint()])


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0, problem.key))


def _stray_files(directory: Path) -> list[Problem]:
    known = known_files()
    return [
        Problem(path.name, None, "", "a file that no policy is read from", f"one of {', '.join(known)}", hint)
        for path in sorted(directory.iterdir())
        if path.suffix.lower() in _POLICY_SUFFIXES and path.name not in known and not path.name.startswith(".")
        for hint in [nearest(path.name, known)]
    ]


def _missing(path: Path) -> Problem:
    return Problem(path.name, None, "", "no such file", f"the file in {path.parent}")


def _read_aliases(path: Path) -> tuple[tuple[aliases.AccountAlias, ...], list[Problem]]:
    if not path.is_file():
        return (), [_missing(path)]
    return aliases.read_aliases(path)


def _read_file(path: Path, model: type[PolicyFile]) -> tuple[PolicyFile | None, Document, list[Problem]]:
    if not path.is_file():
        return None, Document(path.name, {}), [_missing(path)]
    document, problems = read_document(path)
    if problems and not document.values:
        return None, document, problems
    try:
        policy = model.model_validate(document.values)
    except ValidationError as error:
        return None, document, problems + [_placed(document, finding) for finding in findings(error, model)]
    return policy, document, problems + [_placed(document, finding) for finding in policy.lint()]


def _placed(document: Document, finding: Finding) -> Problem:
    return Problem(
        file=document.file,
        line=document.line(finding.path),
        key=key_path(finding.path),
        found=finding.found,
        expected=finding.expected,
        hint=finding.hint,
        severity=finding.severity,
    )
