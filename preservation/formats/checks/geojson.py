"""GeoJSON's first rules, heard from a JSON parser's events."""

from __future__ import annotations

from typing import Any

from preservation.formats.checks.subject import Invalid
from preservation.model.format_check import Fact

_NEEDS = {
    "FeatureCollection": "features",
    "Feature": "geometry",
    "GeometryCollection": "geometries",
    "Point": "coordinates",
    "MultiPoint": "coordinates",
    "LineString": "coordinates",
    "MultiLineString": "coordinates",
    "Polygon": "coordinates",
    "MultiPolygon": "coordinates",
}


class GeoJson:
    """Judges the top object, and counts the features of a collection.

    It is GeoJSON if its ``type`` is one of the nine and the member that this type must have is
    there; anything else is JSON that owes us nothing.
    """

    def __init__(self) -> None:
        self._path: list[str] = []  # names of the open objects and arrays
        self._key = ""
        self._type = ""
        self._members: set[str] = set()
        self._features = 0
        self._untyped = 0
        self._feature_type = ""

    def hear(self, event: str, value: Any) -> None:
        """Take the parser's next event."""
        depth = len(self._path)
        if event == "map_key":
            self._key = value
            if depth == 1:
                self._members.add(value)
        elif event in ("start_map", "start_array"):
            if event == "start_map" and depth == 2 and self._path[1] == "features":
                self._features += 1
                self._feature_type = ""
            self._path.append(self._key if depth < 3 else "")
        elif event in ("end_map", "end_array"):
            self._path.pop()
            if event == "end_map" and depth == 3 and self._path[1] == "features":
                self._untyped += self._feature_type != "Feature"
        elif self._key == "type" and event == "string":
            self._typed(depth, value)

    def _typed(self, depth: int, value: str) -> None:
        if depth == 1:
            self._type = value
        elif depth == 3 and self._path[1] == "features":
            self._feature_type = value

    def finish(self, facts: dict[str, Fact]) -> None:
        """After the last event.

        Raises:
            Invalid: a collection holds what is no feature.
        """
        needed = _NEEDS.get(self._type)
        if needed is None or needed not in self._members:
            return
        facts["geojson"] = self._type
        if self._type == "FeatureCollection":
            facts["features"] = self._features
            if self._untyped:
                message = f"{self._untyped} members of features are no Feature"
                raise Invalid("GeoJSON", message)
