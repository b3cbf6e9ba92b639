"""Documents of one account and of the portfolio: health-check decks, QBR decks, briefs, the executive report.

Here: what is read (`facts.py`, for the customer's eyes `customer.py`), what is said (`deck.py`, `qbr.py`, `brief.py`,
`executive.py`, with sentences in `findings.py`), how it looks (`slides.py`, `pages.py`), and which files there are
(`shelf.py`, `batch.py`). Not here: any figure, which the models make, and who may see what, which the caller's rows
have been cut by.
"""
