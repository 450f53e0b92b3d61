"""Another institution's Archivematica: its packages, and what it says of them itself."""
