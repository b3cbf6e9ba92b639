"""Calls from outside that say what changed: a support desk's webhooks, a CRM's callouts.

Here: what such a call must look like, how many are taken, and which still wait to be read. Not here: how they come in
(`portal/hooks.py`), and the refresh that they ask for (`orchestration/defs/hooks.py`). A call is never believed beyond
*which* record or account changed: what it is now is asked of the system itself, so late and stale calls do no harm.
"""
