"""Formats: what every file is, by two opinions and a table, and when the answer is doubtful.

``sample`` a file's head and tail, read once · ``signatures`` our own table · ``structure`` cheap
looks at what a file tells of itself · ``evidence`` what the tools said · ``mime`` how two MIME
types relate · ``extensions`` what names claim · ``content`` cheap tests of a claim ·
``reconcile`` evidence to one answer, pure · ``worker`` the exec'd child, the only module that
imports ``pygfried`` and ``magic`` · ``opening`` and ``siegfried`` what it opens, and what it asks ·
``answers`` those given before · ``identifier`` the front door · ``protocol`` what others depend
on · ``checks`` whether a file is what its format promises.
"""
