"""Samarkand: long-term preservation and integrity pipeline for research data.

The floors, from the ground up (imports only go down; import-linter keeps it so):
``errors``, ``model`` · ``policy`` · ``files`` · ``fixity`` · ``bags formats storage catalogue
ledger`` · ``ingest replication audit repair reports`` · ``app supervise`` ·
``cli orchestration``.
"""

__version__ = "0.1.0"
