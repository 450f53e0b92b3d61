"""Each service of an open home, in a module of its own that makes it: see ``app.parts``.

A service brings its room along, and what that room stands on; so whoever audits loads no formats,
and whoever lists findings loads neither.
"""
