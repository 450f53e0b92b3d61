"""BagIt Profiles 1.4: what two sides agreed on beyond RFC 8493, read, checked and written."""
