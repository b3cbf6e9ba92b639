"""Folders of object stores, mirrored file by file and read like the drop folder.

Here: the store by its URL and what can go wrong with it, and the mirror. Not here: how a file of a folder is found and
read (`orchestration/sources`).
"""
