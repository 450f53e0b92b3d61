"""Replicas are read and compared, those checked longest ago first."""
