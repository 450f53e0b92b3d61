"""Accounts that are nobody's own: what is signed with one of them was signed by no one person."""

from __future__ import annotations

SHARED = frozenset(
    {
        *("admin", "administrator", "airflow", "anonymous", "archive", "backup", "daemon"),
        *("default", "demo", "dev", "developer", "docker", "ec2-user", "guest", "jenkins"),
        *("nobody", "operator", "postgres", "preserve", "root", "runner", "samarkand"),
        *("service", "shared", "staff", "system", "test", "tester", "ubuntu", "unknown"),
        *("user", "vagrant", "www-data"),
    }
)


def is_shared(account: str) -> bool:
    """Whether an account is one that several people, or none, use: by its name, since nothing
    else tells. The part before ``@`` counts; an empty name is nobody's.
    """
    name = account.strip().casefold().partition("@")[0]
    return not name or name in SHARED
