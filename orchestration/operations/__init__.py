"""What people and connectors do that later runs read as a source: the calls of CSMs, the logs of actions and alerts.

Here: the files under `HOME/operations` that extraction reads, and how the calls grow. Not here: what the models make of
them, the ledger that the logs are exported from (`orchestration/actions`), and the commands (`orchestration/cli.py`).
"""
