"""What people and connectors do with actions and alerts, from recommendation to outcome.

Here: the states, taking in a publication, decisions, the worker with its connectors, alert clocks, and the export that
later runs read. Not here: the database it is kept in (`orchestration/ledger`), which actions follow from which signals
(the models), and the commands.
"""
