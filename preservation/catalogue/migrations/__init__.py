"""Alembic's migrations of the catalogue. Run by ``preservation.catalogue.schema``."""
