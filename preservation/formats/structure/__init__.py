"""Whether a file ends where its own format says, and holds together: cheap looks, no validation.

``trouble`` what is found · ``arrays images archives media texts`` the looks · ``inspect`` which of
them a file gets.
"""
