"""The stages of one refresh, each a plain function of a `Run`: extract, check, freeze, (models run in dbt), publish.

Here: what a stage does with the packages that know how. Not here: anything of Dagster, which wraps each stage in
`orchestration/defs`.
"""
