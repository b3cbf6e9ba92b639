"""What people do at the terminal that later runs read as a source: so far, the calls of CSMs.

Here: the files under `HOME/operations` and how they grow. Not here: what the models make of them, and the commands
themselves (`orchestration/cli.py`).
"""
