# SPDX-License-Identifier: Apache-2.0
"""Creating, filling and searching indexes over HTTP, and the same search with numpy, for the functional tests."""

import base64
import json

import numpy as np
import requests

OCTETS = {"Content-Type": "application/octet-stream"}


def create(daemon, name="like", model="features", status=201, **more):
    r = daemon.post("/v1/indexes", {"name": name, "model": model, "select": {"store": "photos"},
                                    "interval_s": 1, **more})
    assert r.status_code == status, r.text
    return r.json()


def index(daemon, name="like"):
    r = daemon.get(f"/v1/indexes/{name}")
    assert r.status_code == 200, r.text
    return r.json()


def wait_ready(daemon, name="like", rows=None, seconds=60):
    def is_ready():
        now = index(daemon, name)
        return now["state"] == "ready" and rows in (None, now["rows"])
    daemon.wait_for(is_ready, f"index {name} to be ready with {rows} rows", seconds)
    return index(daemon, name)


def search(daemon, name="like", status=200, **query):
    r = daemon.post(f"/v1/indexes/{name}/search", query)
    assert r.status_code == status, r.text
    return r.json()


def names(hits):
    return [hit["object"] for hit in hits]


def nearest(daemon, name="like", **query):
    return names(search(daemon, name, **query)["hits"])


def search_image(daemon, body, name="like", **query):
    return requests.post(f"{daemon.url}/v1/indexes/{name}/search", params=query, data=body,
                         headers=OCTETS, timeout=60)


def vectors(daemon, name="like"):
    """Names and rows of an export, and its last line."""
    lines = [json.loads(line)
             for line in daemon.get(f"/v1/indexes/{name}/vectors").text.splitlines()]
    rows = np.array([np.frombuffer(base64.b64decode(line["embedding"]), "<f4")
                     for line in lines[:-1]])
    return [line["object"] for line in lines[:-1]], rows, lines[-1]


def send(daemon, name, lines, **query):
    return requests.put(f"{daemon.url}/v1/indexes/{name}/vectors", params=query, data=lines,
                        headers=OCTETS, timeout=120)


def as_lines(objects, rows, numbers=False):
    def embedding(row):
        return ([float(v) for v in row] if numbers
                else base64.b64encode(row.astype("<f4").tobytes()).decode())
    return "".join(json.dumps({"object": o, "embedding": embedding(r)}) + "\n"
                   for o, r in zip(objects, rows)).encode()


def exact(objects, rows, query, metric="cosine"):
    """All names, best first, and their scores: double precision, ties by name."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    if metric == "euclidean":
        scores = -np.sqrt(((rows - query) ** 2).sum(axis=1))
    else:
        scores = rows @ query
        if metric == "cosine":
            scores = scores / np.linalg.norm(query)
    order = sorted(range(len(objects)), key=lambda i: (-scores[i], objects[i].encode()))
    return [objects[i] for i in order], scores[order]
