"""Ctrl-C while a service says nothing: nobody waits for it, in whatever thread; what was sent stays
for the next run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import pytest
from buckets import KEYS, Server, serving
from fault_proxy import Answer, Forward, Proxy, Request, proxied

from preservation.storage.s3.address import Address
from preservation.storage.s3.place import S3Place

PROMPT = 30  # seconds until a process that was told to end has ended; a hanging read takes 60
SIZE = 40 << 20
# What a command does, in a thread beside the first as services do it.
SCRIPT = """
import json, sys, threading
from preservation.files import stopping
from preservation.storage.s3.address import Address
from preservation.storage.s3.place import RANGED, S3Place
from preservation.storage.s3.reading import open_objects
from preservation.storage.s3.upload import Upload

what, address, keys, size = json.loads(sys.argv[1])
place = S3Place("t", Address(**address), keys, None, [RANGED])

def read():
    with open_objects(place, [place.head("there")]) as stream:
        while stream.read(1 << 20):
            pass

def send():
    Upload(place, "new", size).write(iter([bytes(1 << 20)] * (size >> 20)))

def boto():
    place.client.list_object_versions(Bucket=place.address.bucket)

stopping.listen()
work = threading.Thread(target={"read": read, "send": send, "boto": boto}[what])
work.start()
try:
    work.join()
except KeyboardInterrupt:
    work.join()
    place.get("there")  # as a journal's copies are made at a command's end, too
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("moto") as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxied(server.endpoint) as between:
        yield between


def is_listing(request: Request) -> bool:
    return "versions" in request.path


def is_part(request: Request) -> bool:
    return "partNumber=3" in request.path


def is_middle(request: Request) -> bool:
    return request.headers.get("Range", "").startswith("bytes=6291456-")


@pytest.mark.parametrize(
    ("what", "wanted"), [("read", is_middle), ("send", is_part), ("boto", is_listing)]
)
def test_ctrl_c_waits_for_no_service_that_hangs(
    server: Server, proxy: Proxy, what: str, wanted: Callable[[Request], bool]
) -> None:
    spec = replace(server, endpoint=proxy.endpoint).spec("t", what)
    place = S3Place("t", Address.of(spec), KEYS)
    place.replace("there", bytes(SIZE))
    asked, let_go = threading.Event(), threading.Event()

    def hang(request: Request, forward: Forward) -> Answer:
        asked.set()
        let_go.wait(300)
        return forward(request)

    proxy.harm(hang, 99, wanted)
    words = json.dumps([what, asdict(place.address), KEYS, SIZE])
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, words], env=dict(os.environ), stderr=subprocess.PIPE
    )
    try:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PROMPT)
    finally:
        process.kill()
        let_go.set()
    assert "it was stopped" in said.decode()  # what is asked after it asks nobody
    if what == "send":
        (name, upload), *others = place.uploads("new")
        assert (name, others) == ("new", [])
        told = place.client.list_parts(**place.about("new"), UploadId=upload)
        assert {1, 2} <= {one["PartNumber"] for one in told["Parts"]}
