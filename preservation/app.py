"""Composition: settings in, parts out. The only place where the rooms meet."""
