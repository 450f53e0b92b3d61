"""Composition: a home in, its parts out. The only room that knows all the others."""

from preservation.app.home import (
    Home,
    SystemClock,
    apply_policies,
    create_home,
    find_home,
    read_policies,
)
from preservation.app.parts import Parts, default_agent, open_home

__all__ = [
    "Home",
    "Parts",
    "SystemClock",
    "apply_policies",
    "create_home",
    "default_agent",
    "find_home",
    "open_home",
    "read_policies",
]
