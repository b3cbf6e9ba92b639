"""Explaining one account: from its score down to the measures, bands, weights and source records that made it.

Here: what is published of an account (`facts.py`), and how it is shown at the terminal (`brief.py`). Nothing is
computed: whoever looks up the same rows in the published tables finds the same figures.
"""
