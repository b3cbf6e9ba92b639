"""Reports as documents: the executive dashboard and the reviews of a publication, as HTML and Markdown.

Here: what a document holds (`content.py`) and writing it (`documents.py`, with the templates). Nothing is computed:
whoever looks up the same rows in the published tables finds the same figures and sentences.
"""
