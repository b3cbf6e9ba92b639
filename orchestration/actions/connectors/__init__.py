"""Connectors: how a message reaches its target, and how a target is asked whether it did.

A module a kind. Each says of a call: it was taken, it was refused, or nobody knows; and answers `find` for a key.
"""
