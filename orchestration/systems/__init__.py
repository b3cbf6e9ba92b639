"""Other people's systems: how they are signed in to, what is pulled from them, and how it becomes a file of records.

Here: one module or package a kind of system, and what all share (calls, pages and states of a pull). Not here: how a
pulled file becomes typed records (`orchestration/sources`), which fields become which columns (`sources.yaml`), and
what is sent to them on behalf of an action (`orchestration/actions/connectors`).
"""
