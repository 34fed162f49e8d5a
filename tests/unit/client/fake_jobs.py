# SPDX-License-Identifier: Apache-2.0
"""The jobs of the small array in fake_situd.py: created, followed and controlled as in docs/protocol.md,
with the faults that a test sets. Standard library only."""

import base64
import fnmatch
import json
import select
import socket
import struct
import urllib.parse
import zlib


class Job:
    """All its results exist at once; `ready` limits how many a reader gets."""

    def __init__(self, number, asked):
        self.id = "job%05d" % number
        self.asked = asked
        self.lines = []  # result objects
        self.skipped = self.read = self.cached = 0
        self.state = "running"
        self.reason = None
        self.ready = None  # None: all

    def failed(self):
        return sum("error" in line for line in self.lines)

    def figures(self):
        return {"state": self.state, "reason": self.reason, "selected": len(self.lines),
                "skipped": self.skipped, "results": len(self.lines), "failed": self.failed(),
                "cached": self.cached, "bytes_read": self.read, "pass": 1, "idle": False}

    def object(self):
        asked, name = self.asked, self.asked["model"].split("@")
        select = dict(asked["select"])
        if "keys" in select:
            select["keys"] = True
        return {"id": self.id, "model": name[0], "version": (name + ["2"])[1], "digest": "9f" * 32,
                "select": select, "top": asked.get("top", 5), "output": asked.get("output", {"labels": True}),
                "priority": asked.get("priority", 5), "max_failures": asked.get("max_failures"),
                "cache": asked.get("cache", True), "keep": asked.get("keep", True),
                "standing": asked.get("standing", False), "interval_s": asked.get("interval_s", 60),
                "created": "2026-11-23T09:00:00Z",
                "finished": None if self.state in ("running", "paused") else "2026-11-23T09:00:09Z",
                **self.figures()}


class Cut(Exception):
    pass


class Lines:
    """A stream of lines, chunked and, if requested, compressed."""

    def __init__(self, handler):
        self.handler = handler
        self.packer = None
        handler.send_response_only(200)
        handler.send_header("Content-Type", "application/x-ndjson")
        handler.send_header("Transfer-Encoding", "chunked")
        if handler.fake.compress and "gzip" in handler.headers.get("Accept-Encoding", ""):
            handler.send_header("Content-Encoding", "gzip")
            self.packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        handler.end_headers()

    def chunk(self, data):
        if data:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def line(self, one, whole=True):
        text = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n").encode() if one else b"\n"
        text = text if whole else text[: len(text) // 2]
        if self.packer:
            text = self.packer.compress(text) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        self.chunk(text)

    def end(self):
        if self.packer:
            self.chunk(self.packer.flush())
        self.handler.wfile.write(b"0\r\n\r\n")


def key_bytes(node):
    """The bytes of a name, from either form of a list."""
    if isinstance(node, str):
        return node.encode()
    if node.get("latin1"):
        return node["object"].encode("latin-1")
    return urllib.parse.unquote_to_bytes(node["object"]) if node.get("encoded") else node["object"].encode()


class JobsMixin:
    """For the request handler."""

    def job_spec(self):
        """The request of a POST, in either form."""
        if self.headers["Content-Type"] == "application/json":
            if len(self.body) > 1 << 20:
                self.fault(413, "too_large", "a body of more than 1 MiB")
                return None
            asked = json.loads(self.body)
            if len(asked["select"].get("keys", [])) > 4096:
                self.fault(400, "malformed", "too many keys")
                return None
            return asked
        query = self.query
        nul = query.get("separator") == "nul"
        names = self.body.split(b"\0") if nul else [line.removesuffix(b"\r") for line in self.body.split(b"\n")]
        asked = {"model": query["model"], "token": query["token"], "text": True,
                 "select": {"keys": [{"object": n.decode("latin-1"), "latin1": True} for n in names if n]}}
        for key, make in (("top", int), ("priority", int), ("max_failures", int)):
            if key in query:
                asked[key] = make(query[key])
        for key in ("cache", "keep"):
            asked[key] = query.get(key) != "0"
        asked["output"] = {"labels": query.get("labels") != "0", "embedding": query.get("embedding")}
        return asked

    def job_selected(self, select):
        """(store, key) pairs and how many were skipped."""
        if "keys" in select:
            names = [key_bytes(k) for k in select["keys"]]
            return [(n.partition(b"/")[0].decode("utf-8", "replace"), n.partition(b"/")[2]) for n in names], 0
        store, glob = select["store"], select.get("glob")
        prefix = urllib.parse.unquote_to_bytes(select["prefix"]) if select.get("encoded") \
            else select.get("prefix", "").encode()
        keys = [k for k in sorted(self.fake.stores[store]) if k.startswith(prefix)]
        if glob:
            keys = [k for k in keys if fnmatch.fnmatchcase(k.decode("utf-8", "replace").split("/")[-1], glob)]
        return [(store, k) for k in keys if not k.endswith(b".txt")], sum(k.endswith(b".txt") for k in keys)

    def job_make(self, asked):
        fake = self.fake
        job = Job(len(fake.jobs) + 1, asked)
        job.ready = fake.ready
        pairs, job.skipped = ([], 0) if fake.swallow else self.job_selected(asked["select"])
        for store, key in pairs:
            key = key.encode() if isinstance(key, str) else key
            one = fake.result(asked["model"].split("@")[0], store, key, asked.get("top", 5),
                              asked.get("output", {}).get("labels", True))
            if "embedding" in one and asked.get("output", {}).get("embedding") == "base64":
                one["embedding"] = base64.b64encode(struct.pack("<5f", *one["embedding"])).decode()
            job.lines.append(one)
            job.read += fake.stores.get(store, {}).get(key, 0)
        job.lines += fake.more_lines
        if fake.cache and asked.get("cache", True):
            job.cached, job.read = len(job.lines), 0
        fake.jobs[job.id] = job
        return job

    def post_job(self):
        fake = self.fake
        if fake.refuse_runs:
            self.answer(*fake.refuse_runs)
            return
        asked = self.job_spec()
        if asked is None:
            return
        model = asked["model"].split("@")[0]
        if model not in fake.models:
            self.fault(404, "not_found", f"there is no model '{model}'")
            return
        if "store" in asked["select"] and asked["select"]["store"] not in fake.stores:
            self.fault(404, "not_found", f"there is no store '{asked['select']['store']}'")
            return
        with fake.lock:
            known = [j for j in fake.jobs.values() if j.asked["token"] == asked["token"]]
            job = known[0] if known else self.job_make(asked)
            lose = fake.lost_answers > 0
            fake.lost_answers -= lose
        if lose:
            self.cut()
        elif self.query.get("follow") == "1":
            self.stream(job, 0, True)
        else:
            self.answer(200 if known else 201, job.object(), [("Location", "/v1/jobs/" + job.id)])

    def get_job(self, parts):
        job = self.fake.jobs.get(parts[2]) if len(parts) > 2 else None
        if len(parts) == 2:
            self.answer(200, {"jobs": [j.object() for j in self.fake.jobs.values()]})
        elif not job:
            self.fault(404, "not_found", f"there is no job '{parts[2]}'")
        elif len(parts) == 3:
            self.answer(200, job.object())
        elif self.fake.refuse_follows:
            self.answer(*self.fake.refuse_follows.pop(0))
        else:
            after = int(self.query.get("after", 0))
            if after > len(job.lines):
                self.fault(400, "malformed", f"after={after} is above the job's {len(job.lines)} results")
            else:
                self.stream(job, after, False)

    def act_on_job(self, parts):
        job = self.fake.jobs.get(parts[2])
        states = {"pause": "paused", "resume": "running", "cancel": "cancelled"}
        if not job:
            self.fault(404, "not_found", f"there is no job '{parts[2]}'")
        elif parts[3] == "retry":
            if not job.failed():
                self.fault(409, "conflict", f"job '{job.id}': no object failed")
                return
            keys = [line if "encoded" in line else line["object"] for line in job.lines if "error" in line]
            again = self.job_make({**job.asked, "select": {"keys": keys}, "token": "retry" + job.id})
            self.answer(201, again.object())
        elif job.state not in ("running", "paused"):
            self.fault(409, "conflict", f"job '{job.id}' is {job.state}")
        else:
            job.state = states[parts[3]]
            self.answer(200, job.object())

    def remove_job(self, name):
        if not self.fake.jobs.pop(name, None):
            self.fault(404, "not_found", f"there is no job '{name}'")
            return
        self.fake.removed.append(name)
        self.send_response_only(204)
        self.end_headers()

    def stream(self, job, after, first):
        fake = self.fake
        with fake.lock:
            cut = fake.cuts.pop(0) if fake.cuts else None
        lines = Lines(self)
        try:
            if first:
                self.line(lines, {"job": {**job.object(), "selected": None, "results": 0, "cached": 0}})
            self.results(job, after, cut, lines)
        except Cut:
            self.cut()

    def results(self, job, after, cut, lines):
        fake = self.fake
        rest = job.lines[after:job.ready]
        for i, one in enumerate(rest):
            if cut == i:
                if fake.torn:
                    self.line(lines, one, whole=False)
                raise Cut
            if self.query.get("progress") == "1" and i % 5 == 0:
                self.line(lines, {"progress": {**job.figures(), "results": after + i,
                                               "cached": job.cached and after + i}})
            for noise in fake.noise:
                self.line(lines, noise)
            self.line(lines, one)
        if cut is not None:
            raise Cut
        while job.ready is not None and job.state == "running":  # until it is ended
            self.line(lines, None)
            fake.wake.wait(0.05)
        if job.state in ("running", "paused"):
            job.state = fake.end_state
            job.reason = fake.end_reason
        figures = job.figures()
        self.line(lines, {"done": {"state": job.state, "reason": job.reason, "objects": len(job.lines) + fake.lost_lines,
                                   **{k: figures[k] for k in ("skipped", "failed", "cached", "bytes_read")}}})
        if job.state == "done" and not job.asked.get("keep", True) and not self.client_left():
            fake.jobs.pop(job.id, None)  # the real array waits a minute first
            fake.removed.append(job.id)
        lines.end()

    def client_left(self):
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True

    def line(self, lines, one, whole=True):
        lines.line(one, whole)

    def cut(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
