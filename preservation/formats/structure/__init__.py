"""Whether a file ends where its own format says, and holds together: cheap looks, no validation.

``trouble`` what is found · ``archives arrays media pictures records sound texts`` the looks ·
``noise`` and ``raw`` noise amid plain numbers · ``inspect`` which of them a file gets.
"""
