"""Forgets an account and kills itself at the nth file that it renames, links or removes (0: never).

forget_killer.py HOME POLICIES ACCOUNT NTH
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from orchestration.policy.load import load_policies
from orchestration.retention.forget import forget, resume
from orchestration.retention.forgotten import read_pending
from orchestration.settings import Settings

_COUNTED = frozenset({"os.rename", "os.remove", "os.link", "shutil.rmtree", "sqlite3.connect"})


def main(home: str, policies_folder: str, account: str, nth: str) -> None:
    settings = Settings(home=Path(home), policies=Path(policies_folder))
    policies = load_policies(settings.policies)
    seen = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal seen
        if event in _COUNTED:
            seen += 1
            if seen == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if read_pending(settings) is None:
        forget(settings, policies, account, by="maria", reason="asked for", wait_seconds=0)
    else:
        resume(settings, policies, wait_seconds=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
