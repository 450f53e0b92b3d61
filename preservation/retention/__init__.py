"""Retention: reviews, holds, approvals, disposal and retirement. Nothing else removes anything."""
