"""Fuzz: the tables of a bag's names and folders."""

import io

import fuzzing

with fuzzing.watched(__name__):
    from preservation.bags.tree import (
        NAMES_COLUMNS,
        TREE_COLUMNS,
        csv_line,
        names_row,
        read_folders,
        read_names,
    )
    from preservation.errors import MalformedError
    from preservation.model.names import is_safe


def once(data: bytes) -> None:
    draw = fuzzing.Draw(data)
    columns, read = ((NAMES_COLUMNS, read_names), (TREE_COLUMNS, read_folders))[draw.number(2)]
    text = (csv_line(columns) + draw.rest).decode("utf-8", "surrogateescape")
    try:
        rows = list(read(io.StringIO(text, newline="")))
    except MalformedError:
        return
    for row in rows:
        if isinstance(row, bytes):
            assert is_safe(row)
        else:
            again = (csv_line(NAMES_COLUMNS) + names_row(*row)).decode()
            assert list(read_names(io.StringIO(again, newline=""))) == [row]


if __name__ == "__main__":
    fuzzing.fuzz(once)
