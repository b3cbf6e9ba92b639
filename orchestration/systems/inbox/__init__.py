"""Mailboxes that scheduled reports are sent to: attachments that match are landed, each once.

Here: the session with the mail server, what its answers say, what was taken, and the pull. Only headers and the
attachments that match are ever fetched; no text of a mail is, and none is kept.
"""
