"""Format identification: PRONOM as the authority, libmagic as the second opinion."""
