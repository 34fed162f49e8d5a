# SPDX-License-Identifier: Apache-2.0
"""The indexes of the small array in fake_situd.py: created, searched by a scan in Python, exported,
imported, scanned for duplicates; and thumbnails. Standard library only."""

import base64
import json
import math
import struct

import fake_jobs

THUMBNAIL = b"\xff\xd8\xff\xe0thumbnail of "


def vector_of(name):
    """Two values that depend on the name only."""
    angle = sum(name.encode()) % 628 / 100
    return [math.cos(angle), math.sin(angle)]


class Index:
    def __init__(self, asked, rows):
        self.asked = asked
        self.rows = rows  # name -> values
        self.failed = 0
        self.damaged = {}  # of the last lines of exports and groups
        self.state, self.reason, self.next = "ready", None, None

    def object(self):
        asked = self.asked
        model = (asked.get("model") or "").split("@")
        select = asked.get("select")
        dimension = len(next(iter(self.rows.values()), [])) or None
        return {"name": asked["name"], "model": model[0] or None, "version": "2" if select else None,
                "digest": "9f" * 32, "select": select and {"prefix": "", "glob": None, **select},
                "metric": asked.get("metric", "cosine"), "interval_s": asked.get("interval_s", 60),
                "dimension": dimension, "state": self.state, "reason": self.reason, "rows": len(self.rows),
                "selected": len(self.rows) + self.failed, "failed": self.failed, "damaged": 0,
                "job": "job00001" if select else None, "bytes": 1000, "memory_bytes": 500, "generation": 1,
                "next": self.next}


class IndexesMixin:
    """For the request handler."""

    def get_index(self, parts):
        fake = self.fake
        if parts[1] == "thumbnails":
            self.get_thumbnail("/".join(parts[2:]))
            return
        if parts == ["v1", "indexes"]:
            self.answer(200, {"indexes": [fake.indexes[n].object() for n in sorted(fake.indexes)]})
            return
        index = self.index_named(parts[2])
        if not index:
            return
        if len(parts) == 3:
            shown = index.object()
            self.count_down(index)
            self.answer(200, shown)
        elif parts[3] == "vectors":
            self.json_lines([{"object": n, "embedding": base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode()}
                             for n, v in sorted(index.rows.items())], {"objects": len(index.rows), **index.damaged})
        else:
            self.json_lines([{"progress": {"objects": 1}}] * (self.query.get("progress") == "1") +
                            self.groups(index, float(self.query["min_score"])),
                            {"objects": len(index.rows), **index.damaged})

    def count_down(self, index):
        fake = self.fake
        if fake.filling > 0:
            fake.filling -= 1
            if fake.filling == 0:
                index.next = None
                index.state, index.reason = fake.stuck or ("ready", None)

    def index_named(self, name):
        index = self.fake.indexes.get(name)
        if not index:
            self.fault(404, "not_found", f"no index '{name}'")
        return index

    def json_lines(self, lines, done):
        fake = self.fake
        with fake.lock:
            cut = fake.cuts.pop(0) if fake.cuts else None
        out = fake_jobs.Lines(self)
        for i, line in enumerate(lines):
            if cut == i:
                self.line(out, line, whole=not fake.torn)
                self.cut()
                return
            self.line(out, line)
        for line in fake.more_lines:
            self.line(out, line)
        self.line(out, {"done": done})
        out.end()

    def groups(self, index, least):
        found, taken = [], set()
        for name, values in sorted(index.rows.items()):
            near = [{"object": other, "score": round(score(values, index.rows[other]), 6)}
                    for other in sorted(index.rows) if other not in taken and
                    score(values, index.rows[other]) >= least]
            if name not in taken and len(near) > 1:
                found.append({"group": near})
                taken.update(one["object"] for one in near)
        return found

    def post_index(self, parts):
        fake = self.fake
        if len(parts) == 2:
            self.make_index(json.loads(self.body))
            return
        index = self.index_named(parts[2])
        if not index:
            return
        if parts[3] == "rebuild":
            index.asked["model"] = json.loads(self.body)["model"]
            index.next = {"model": index.asked["model"], "version": "3", "rows": 1, "selected": len(index.rows)}
            shown = index.object()
            index.next = index.next if fake.filling else None
            self.answer(202, shown)
        else:
            self.search(index)

    def make_index(self, asked):
        fake = self.fake
        if asked["name"] in fake.indexes:
            self.fault(409, "conflict", f"index '{asked['name']}' is there already")
        elif asked["select"]["store"] not in fake.stores:
            self.fault(404, "not_found", f"no store '{asked['select']['store']}'")
        elif fake.models.get(asked["model"].split("@")[0], {}).get("task") != "feature-extraction":
            self.fault(422, "unfit", f"model '{asked['model']}' gives no embeddings")
        else:
            pairs, _ = self.job_selected(asked["select"])
            names = [store + "/" + key.decode() for store, key in pairs]
            index = Index(asked, {n: vector_of(n) for n in names if not n.endswith(".bad")})
            index.failed = len(names) - len(index.rows)
            index.state = "filling" if fake.filling else "ready"
            fake.indexes[asked["name"]] = index
            self.answer(201, index.object(), [("Location", "/v1/indexes/" + asked["name"])])

    def search(self, index):
        image = self.headers["Content-Type"] == "application/octet-stream"
        asked = dict(self.query) if image else json.loads(self.body)
        if not index.rows:
            self.fault(503, "unavailable", "the index has no row yet")
            return
        if image:
            if not self.body.startswith(b"\xff\xd8"):
                self.fault(422, "undecodable", "not a JPEG, PNG or WebP image")
                return
            queries = [vector_of(self.body.decode("latin-1"))]
        elif "object" in asked:
            store, _, key = asked["object"].partition("/")
            if store not in self.fake.stores:
                self.fault(404, "not_found", f"no store '{store}'")
                return
            if asked["object"] not in index.rows and key.encode() not in self.fake.stores[store]:
                self.fault(404, "not_found", f"object '{key}' is not in the store")
                return
            queries = [vector_of(asked["object"])]
        else:
            queries = asked.get("vectors") or [asked["vector"]]
        found = [{"hits": self.hits(index, values, asked)} for values in queries]
        self.answer(200, {"results": found} if "vectors" in asked else found[0])

    def hits(self, index, values, asked):
        rows = sorted((-score(values, row), name) for name, row in index.rows.items())
        hits = [{"object": name, "score": round(-minus, 6), "distance": round(1 + minus, 6)} for minus, name in rows
                if name.startswith(asked.get("prefix", "")) and
                -minus >= float(asked.get("min_score", -1e9)) and
                (asked.get("self", True) or name != asked.get("object"))]
        return hits[:int(asked.get("k", 10))]

    def put_vectors(self, name):
        fake = self.fake
        if name in fake.indexes:
            self.fault(409, "conflict", f"index '{name}' is there already")
            return
        rows = {}
        for number, line in enumerate(self.body.splitlines(), 1):
            row = json.loads(line)
            data = base64.b64decode(row["embedding"])
            if row["object"].endswith("refused"):
                self.fault(400, "malformed", f"line {number}: a name is refused")
                return
            rows[row["object"]] = list(struct.unpack(f"<{len(data) // 4}f", data))
        fake.indexes[name] = Index({"name": name, "model": self.query.get("model"),
                                    "metric": self.query["metric"]}, rows)
        self.answer(201, fake.indexes[name].object())

    def remove_index(self, name):
        if self.index_named(name):
            del self.fake.indexes[name]
            self.send_response_only(204)
            self.end_headers()

    def get_thumbnail(self, name):
        store, _, key = name.partition("/")
        if key.endswith(".bad"):
            self.fault(422, "undecodable", "not a JPEG, PNG or WebP image")
        elif not self.fake.thumbnails or key.encode() not in self.fake.stores.get(store, {}):
            self.fault(404, "not_found", "no such object")
        else:
            self.answer(200, THUMBNAIL + name.encode() + b" " + self.query.get("edge", "160").encode(),
                        kind="image/jpeg")


def score(a, b):
    return sum(x * y for x, y in zip(a, b))
