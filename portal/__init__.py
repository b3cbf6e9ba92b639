"""The web app: what people see and decide, and the door for calls from other systems.

Here: routes, and what is answered. It reads publications and the ledger, never the warehouse, and knows nothing of
Dagster. Not here: what a call must look like and what waits (`orchestration/systems/hooks`).
"""
