"""Accounts that are nobody's own: what is signed with one of them was signed by no one person."""

from __future__ import annotations

import unicodedata

SHARED = frozenset(
    {
        *("admin", "administrator", "airflow", "anonymous", "archive", "backup", "daemon"),
        *("default", "demo", "dev", "developer", "docker", "ec2-user", "guest", "jenkins"),
        *("nobody", "operator", "postgres", "preserve", "root", "runner", "samarkand"),
        *("service", "shared", "staff", "system", "test", "tester", "ubuntu", "unknown"),
        *("user", "vagrant", "www-data"),
    }
)


def person(account: str) -> str:
    r"""Whom an account stands for, as it is compared: however it is spelled, and whichever sign-in
    wrote it. A directory's ``OFFICE\ana`` and ``ana@example.org`` are taken for ``ana``, since two
    approvals by one person would be worse than one that does not count.
    """
    name = unicodedata.normalize("NFKC", account).strip().casefold()
    return name.partition("@")[0].rpartition("\\")[2].strip()


def is_shared(account: str) -> bool:
    """Whether an account is one that several people, or none, use: by its name, since nothing
    else tells; an empty one is nobody's.
    """
    name = person(account)
    return not name or name in SHARED
