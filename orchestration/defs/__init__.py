"""Dagster wrappers, one module a stage, in the order the data takes: extract, check, model, publish.

Here: assets, checks, jobs, schedules and what the UI shows of them. Not here: any work on data, which is in the
packages without Dagster.
"""
