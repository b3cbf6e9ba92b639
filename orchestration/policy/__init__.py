"""Policies: what people may change about the results, read from `policies/`, checked, and handed on as tables.

Here: reading, checking, naming what is wrong, hashing, and turning policies into tables. Not here: applying them
(the dbt models do) and the row-level expectations (`quality/`). Pure: nothing in this package imports Dagster.
"""
