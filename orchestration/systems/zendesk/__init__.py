"""Zendesk: tickets with their metrics, SLA events and organizations; and tickets that are made from here.

| module          | what it holds                                                               |
|-----------------|-----------------------------------------------------------------------------|
| `client`        | sign-in, and what refusals mean                                             |
| `fields`        | which fields of a ticket may be asked for, and whether the account has them |
| `tickets`       | the export of tickets by cursor, and what of a ticket is put down           |
| `events`        | the export of SLA events by time                                            |
| `organizations` | the list of organizations, and the account each belongs to                  |
| `examine`       | what `doctor` tries                                                         |
| `system`        | a pull, from sign-in to the file that extraction reads                      |
| `write`         | tickets that are made from here, each once                                  |

The text of tickets (subject, description, comments) is never put down, not even in a page of a pull under way.
"""
