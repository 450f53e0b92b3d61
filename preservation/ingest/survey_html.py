"""A survey as one HTML page that opens from a file: no network, no address outside of it."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from preservation.ingest.survey_result import Survey
from preservation.ingest.survey_tables import figures, views

_QUESTIONS = (
    "Can it be taken in as it is?",
    "What must be mended first?",
    "What would it cost?",
)


def to_html(survey: Survey) -> str:
    """The page. Everything that came from the folder is escaped."""
    environment = Environment(
        loader=PackageLoader("preservation.ingest", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("survey.html.j2").render(
        survey=survey,
        answers=tuple(zip(_QUESTIONS, survey.verdict.sentences, strict=True)),
        figures=figures(survey),
        views=views(survey),
    )
