"""Composition: a home in, its parts out. The only room that knows all the others.

Nothing is imported here: each command, and each task, loads only the rooms that it needs.
"""
