"""A real HTTPS server on loopback that behaves as Salesforce and Zendesk do, for a generated company.

| module        | what it holds                                                                              |
|---------------|--------------------------------------------------------------------------------------------|
| `company`     | what the company's people entered: records of both systems, that tests add to and change    |
| `objects`     | the CRM's objects and fields, as its describe call tells them                               |
| `clock`       | the time that both systems believe in; may be set, moved on, or off from the machine's      |
| `soql`        | the part of the query language that is needed to read and compare                           |
| `salesforce`  | sign-in, describe, queries, writing, reports; `bulk` its query jobs; `mass` a million tasks |
| `zendesk`     | exports, organizations, groups, tickets                                                     |
| `faults`      | what may go wrong, each named and described once                                            |
| `callouts`    | webhooks as both systems sign them                                                          |
| `server`      | the server, and the program of its own process                                              |
| `fixtures`    | fixtures of pytest                                                                          |

Built from what the vendors publish about their interfaces. What they leave open is decided so that a client which
relies on luck fails.
"""
