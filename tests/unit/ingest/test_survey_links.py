"""Links are followed on paper, and never out of the folder."""

from __future__ import annotations

import os

import pytest

from preservation.ingest.survey_links import Leads, where


@pytest.fixture
def root_fd(tmp_path):
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "file").write_text("x")
    (root / "to_a").symlink_to("a")
    (root / "up").symlink_to("..")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (tmp_path / "outside").write_text("x")
    fd = os.open(root, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "target", "leads"),
    [
        (b"link", b"a/file", Leads.INSIDE),
        (b"a/link", b"file", Leads.INSIDE),
        (b"a/b/link", b"../file", Leads.INSIDE),
        (b"link", b"to_a/file", Leads.INSIDE),
        (b"link", b"./a//file", Leads.INSIDE),
        (b"link", b"/etc/passwd", Leads.OUTSIDE),
        (b"link", b"../outside", Leads.OUTSIDE),
        (b"a/link", b"../../outside", Leads.OUTSIDE),
        (b"link", b"up/outside", Leads.OUTSIDE),
        (b"link", b"absent", Leads.NOWHERE),
        (b"link", b"a/file/deeper", Leads.NOWHERE),
        (b"link", b"one", Leads.ROUND),
        (b"a/b/link", b"..", Leads.ROUND),
        (b"a/link", b".", Leads.ROUND),
        (b"link", b"x" * 5000, Leads.NOWHERE),
    ],
)
def test_the_table_of_links(root_fd, path, target, leads):
    assert where(root_fd, path, target) is leads
