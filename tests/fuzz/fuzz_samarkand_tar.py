"""Fuzz: ``samarkand-tar-1``: what is read at all is, written again, the same to the last octet."""

import io

import fuzzing

with fuzzing.watched(__name__):
    from preservation.errors import MalformedError
    from preservation.files.tar import read_tar, write_tar

TOP = "0f0e7f4e-6b2c-4f0e-9d6a-0123456789ab.v1"


def once(data: bytes) -> None:
    try:
        members = [
            (path, octets, [b"".join(chunks)])
            for path, octets, chunks in read_tar(io.BytesIO(data), TOP)
        ]
    except MalformedError:
        return
    assert b"".join(write_tar(TOP, members)) == data


if __name__ == "__main__":
    fuzzing.fuzz(once)
