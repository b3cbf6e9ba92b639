"""Writing back: our figures into the fields of a CRM's accounts, only those that changed, each until it is accepted.

    publication ──► wanted values ──► queue (in the ledger) ──► calls of 200 ──► accepted values (in the ledger)

Here: what is wanted, the queue, sending, and what is shown of them. Not here: which figures go where
(`policies/write_back.yaml`), how a CRM is spoken to (`orchestration/systems`), and single tasks, tickets and messages
(`orchestration/actions`).
"""
