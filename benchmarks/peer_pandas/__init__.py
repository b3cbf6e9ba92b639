"""The peer: the published figures as a team would first write them, with pandas over the CSV files.

One process, everything in memory, shipped policy numbers in the code; no landing, no checks, no history, no
publication. It reads only the columns it needs, so it isn't slower than it has to be. Overrides, near misses, words,
influence, performance and the renewal forecast are left out. It takes every file as read and fresh.

`python -m benchmarks.peer_pandas` runs it. Rounding is of doubles, with a hair added where half must round up.
"""
