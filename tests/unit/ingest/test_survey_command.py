"""``preserve survey``: no home, no policy; the exit code says whether something must be mended."""

from __future__ import annotations

import json

import pytest

from preservation.cli.main import call


@pytest.fixture
def sound(tmp_path):
    root = tmp_path / "sound"
    root.mkdir()
    (root / "table.csv").write_text("a,b\n1,2\n")
    return root


def test_a_sound_folder_exits_0_and_says_yes(sound, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert call(["survey", str(sound)]) == 0
    told = capsys.readouterr().out
    assert "Yes, as it is: 1 file, 8 B" in told
    assert "Comma Separated Values" in told
    assert not (tmp_path / "var").exists()


def test_what_would_be_refused_exits_4(sound, capsys):
    (sound / "link").symlink_to("/etc/passwd")
    assert call(["survey", str(sound), "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "samarkand.survey/1"
    assert document["exit"] == 4
    assert [one["code"] for one in document["findings"]] == ["SUR-LINK-OUT"]
    assert len(document["verdict"]["sentences"]) == 3


def test_the_page_is_written_once_and_never_over_another(sound, capsys, tmp_path):
    page = tmp_path / "page.html"
    assert call(["survey", str(sound), "--html", str(page)]) == 0
    before = page.read_text()
    assert "Can it be taken in as it is?" in before
    assert call(["survey", str(sound), "--html", str(page)]) == 2
    assert page.read_text() == before


def test_no_folder_exits_2_with_what_to_do(tmp_path, capsys):
    assert call(["survey", str(tmp_path / "absent")]) == 2
    assert "there is no folder at" in capsys.readouterr().err


def test_markup_in_names_is_only_text(sound, capsys):
    (sound / "[red]alarm[bold] [link=x]").write_text("")
    assert call(["survey", str(sound)]) == 0
    assert "[red]alarm[bold] [link=x]" in capsys.readouterr().out
