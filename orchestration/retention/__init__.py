"""What doesn't stay: an account that is to be forgotten, and what is older than `privacy.yaml` keeps.

Here: finding and removing it in every store of a home. Not here: old snapshots (`publishing/retention.py`), and what
people are asked (`cli/privacy.py`).
"""
