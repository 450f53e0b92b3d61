"""Airflow's front door: one DAG per community in force and kind of work, and the journal's.

The files in ``dags/`` import nothing but this room. Parsing reads ``<home>/policies/`` and
nothing else: no catalogue, no tier, no network. What a task does is a call of three lines
into a service that knows nothing of Airflow; :mod:`preservation.orchestration.parts` is the
one place where a task meets the services, and where their failures are told to Airflow.

    ingest replicate audit repair brake standing journal   the shapes, a module each
    settings   what all DAGs share: retries, pools, queues, schedules, assets, tags
    words      what each DAG says about itself to an archivist
    factory    policies in force -> DAGs, the broken ones apart
    parts      opens the home for a task; translates failures
    progress   bytes and rates: beside the names of tasks, and as log lines
"""
