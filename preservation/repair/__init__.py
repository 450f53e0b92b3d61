"""Damaged replicas are replaced by bytes just verified under the seal."""
