"""Fuzz: the JSON documents that we read back: sidecars of replicas, lines of the journal."""

import fuzzing

with fuzzing.watched(__name__):
    from preservation.errors import MalformedError
    from preservation.ledger.lines import results
    from preservation.model.replica import Sidecar


def once(data: bytes) -> None:
    try:
        sidecar = Sidecar.decode(data)
    except MalformedError:
        pass
    else:
        assert Sidecar.decode(sidecar.encode()) == sidecar
    code = "JRN-DAMAGED"
    try:
        results("00000001.jsonl", data)
    except MalformedError as error:
        code = error.code
    assert code == "JRN-DAMAGED"


if __name__ == "__main__":
    fuzzing.fuzz(once)
