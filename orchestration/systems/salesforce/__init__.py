"""Salesforce: signing in, reading by REST and by Bulk API 2.0, evidence, reports.

    sign_in    a token, by client credentials or by a signed assertion
    session    calls to one org: the token renewed, the day's calls watched, refusals in words
    describe   whether the org has what sources.yaml asks for, before anything is asked
    read       one query's records: counted, then by pages or by a job (`bulk`), resumable
    pages      from the pages to rows of canonical columns: one SELECT
    evidence   whether a file is attached to a record
    reports    a report instead of an object
    system     all of it together

Here: reading. Not here: what is written back (`write`).
"""
