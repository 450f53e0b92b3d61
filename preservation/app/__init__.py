"""Composition: a home in, its parts out. The only room that knows all the others."""

from preservation.app.create import create_home
from preservation.app.home import Home, SystemClock, find_home
from preservation.app.parts import Parts, default_agent, open_home
from preservation.app.policies import (
    apply_policies,
    edited_policies,
    read_policies,
    recover_policies,
)

__all__ = [
    "Home",
    "Parts",
    "SystemClock",
    "apply_policies",
    "create_home",
    "default_agent",
    "edited_policies",
    "find_home",
    "open_home",
    "read_policies",
    "recover_policies",
]
