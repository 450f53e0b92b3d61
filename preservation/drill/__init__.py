"""Drills: damage made for the purpose, which the nightly machinery must find and heal."""
