"""``retention__<community>``: only where keeping has an end; as many questions as people."""

from __future__ import annotations

from pathlib import Path

from dag_homes import load, put_in_force

RULE = {"keep": 315576000, "review": 0, "approvals": 3, "approvers": ["ana", "bo", "cy"]}


def test_a_community_that_keeps_for_ever_has_none(home: Path) -> None:
    assert not [name for name in load().dags if name.startswith("retention__")]


def test_each_approval_is_a_question_of_its_own(home: Path) -> None:
    put_in_force(home, "silk-road", retention=RULE)

    dag = load().dags["retention__silk-road"]

    assert {"finish", "review", "dispose", "approve-1", "approve-2", "approve-3"} <= {
        *dag.task_dict
    }
    assert dag.task_dict["begin"].upstream_task_ids == {
        *("review", "approve-1", "approve-2", "approve-3")
    }
    assert dag.task_dict["dispose"].upstream_task_ids == {"review", "remove"}
    assert dag.task_dict["approve-1"].assigned_users
    assert "315576000" not in dag.doc_md
    assert "10y" in dag.doc_md


def test_where_no_approver_is_named_anybody_may_answer(home: Path) -> None:
    put_in_force(home, "silk-road", retention={**RULE, "approvers": [], "approvals": 1})

    dag = load().dags["retention__silk-road"]

    assert not dag.task_dict["approve-1"].assigned_users
    assert "under an account of their own" in dag.doc_md
    assert "approve-2" not in dag.task_dict


def test_a_tier_that_was_promised_once_is_reason_enough(home: Path) -> None:
    two = [
        {"tier": "vault", "packaging": "folder", "within": 3600},
        {"tier": "mirror", "packaging": "folder", "within": 86400},
    ]
    put_in_force(home, "silk-road", replicas=two)

    assert "retention__silk-road" in load().dags
