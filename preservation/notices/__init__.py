"""Notices: telling people, by mail and by web hooks, what their policies say they are told.

What is told is decided from the catalogue, the policy in force, and what was told before; the
last is folded from the journal's events, so it survives the loss of everything else. A message
is sent first and recorded then: a crash between the two costs a message sent twice, never one
that was not sent.
"""
