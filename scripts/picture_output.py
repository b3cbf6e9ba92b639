"""Makes docs/images/output.svg: what the terminal shows after `account-health demo`, from a real run.

`python scripts/picture_output.py HOME` takes the home of a demo that has published. The names of folders are those of
the default home, whichever home the run used.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from orchestration.publishing.reader import Publication
from orchestration.refresh.run import Run
from orchestration.refresh.summary import summarise
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.terminal import show_summary

_COLUMNS = 132
_FONT_FACE = re.compile(r"\s*@font-face \{.*?\n    \}", re.DOTALL)
_PICTURE = PROJECT_ROOT / "docs" / "images" / "output.svg"


def main(home: Path) -> None:
    """Write the picture of the current publication of `home`."""
    settings = Settings(home=home, drop=home / "demo")
    with Publication.open(settings.published_path) as publication:
        manifest = publication.manifest
    summary = summarise(Run(settings, manifest.as_of_date, manifest.run_id))
    shown = Settings(home=Path.cwd() / ".account-health")
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    show_summary(console, replace(summary, snapshot=shown.published_path / manifest.snapshot_id), shown)
    _PICTURE.parent.mkdir(parents=True, exist_ok=True)
    picture = console.export_svg(title="account-health demo", unique_id="output")
    # The picture needs nothing from other hosts: a reader's own monospaced font will do.
    _PICTURE.write_text(_FONT_FACE.sub("", picture), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
