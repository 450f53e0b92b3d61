"""Replicas are made where a policy promises them, and read back."""
