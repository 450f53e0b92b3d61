"""BagIt (RFC 8493): read, validate, write; sealed AIP versions verified and copied."""
