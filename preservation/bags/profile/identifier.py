"""Whether two URIs name the same profile.

A profile moves from http to https, gains a slash at its end, changes the case of its host: the
same document, and a bag that was made before is as good as it was.

Source: RFC 3986 section 6.2.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def normal(uri: str) -> str:
    """A URI without what does not tell profiles apart; never fetched, only compared."""
    text = uri.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return text
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return text.rstrip("/")
    host = parts.hostname + ("" if port in (None, 80, 443) else f":{port}")
    query = f"?{parts.query}" if parts.query else ""
    return f"//{host}{parts.path.rstrip('/')}{query}"
