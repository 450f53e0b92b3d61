"""Formats: what every file is, by two opinions, and when the answer is doubtful.

``evidence`` what the tools said · ``mime`` how two MIME types relate · ``content`` cheap tests
of a claim · ``reconcile`` evidence to one answer, pure · ``worker`` the exec'd child, the only
module that imports ``pygfried`` and ``magic`` · ``identifier`` the front door ·
``protocol`` what others depend on.
"""
