"""What would be: one account under a level of automation, or the whole portfolio under other policies.

Here: inputs that are made up or changed, the batch's own models over them, and what came of it in words. Not here:
rules of any kind: they are in the models and the policies, and nowhere twice.
"""
