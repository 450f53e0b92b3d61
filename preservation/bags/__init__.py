"""BagIt: read, write and validate bags of every version from 0.93 to 1.0 (RFC 8493)."""
