"""The same table in Streamlit, in an environment of its own that is made for it and thrown away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from orchestration.publishing.manifest import current_snapshot_id
from orchestration.settings import Settings

RUNS = 30
_PACKAGES = ("streamlit", "pandas", "pyarrow")
_HOW = (
    "The table of targets in Streamlit (`peer_streamlit.py`): the same Parquet file, kept in memory, filtered and"
    " sorted by pandas at each choice, fifty rows shown. What is measured is a run of the script by Streamlit's own"
    " test runner, one person alone: without a browser, without the way there, without any cut by who asks. Compare it"
    " with the portal's targets under *One executive alone*, which have all of these but the browser."
)


def measure(settings: Settings, work: Path) -> dict[str, Any]:
    """Milliseconds and memory of the peer."""
    python = work / "peer" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(work / "peer")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", *_PACKAGES], check=True)
    return run(python, settings)


def run(python: Path, settings: Settings) -> dict[str, Any]:
    """The same, in an environment that is there."""
    snapshot_id = current_snapshot_id(settings.published_path)
    file = settings.published_path / str(snapshot_id) / "health_check_candidates.parquet"
    script = Path(__file__).with_name("peer_streamlit.py")
    done = subprocess.run([str(python), str(script), str(file), str(RUNS)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"how": _HOW}
