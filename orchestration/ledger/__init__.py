"""The ledger's database: what people and connectors did, what calls from outside named, what was written back.

Here: its tables, their migrations, and opening it. Not here: what is done with them (`orchestration/actions`,
`orchestration/write_back`, `orchestration/systems/hooks`).
"""
