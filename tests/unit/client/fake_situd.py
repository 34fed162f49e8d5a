# SPDX-License-Identifier: Apache-2.0
"""A small array for the tests of libsitu and the CLI: the paths of docs/protocol.md over TCP or a unix
socket, with invented results and the faults that a test sets. Standard library only."""

import gzip
import http.server
import io
import json
import os
import socket
import socketserver
import ssl
import tarfile
import threading
import urllib.parse

import fake_indexes
import fake_jobs

LABELS = ["tench", "Egyptian cat", 'a "quoted", label', "bell\x07\x1b[31m", "", "été"]


class Fake:
    """The content of the array, and its faults. Attributes may be changed while it runs."""

    def __init__(self):
        self.stores = {"photos": {}}  # store -> key (bytes) -> size
        self.away = {}  # store -> why it is unavailable
        self.models = {"cnn": {"task": "image-classification"}, "clip": {"task": "feature-extraction"},
                       "net": {"task": "tensor"}, "bare": {"task": "image-classification"}}
        self.token = None
        self.digest = "9f" * 32
        self.jobs = {}  # id -> fake_jobs.Job
        self.indexes = {}  # name -> fake_indexes.Index
        self.filling = 0  # that many requests for a new index find it filling
        self.stuck = None  # the index's state after that, and its reason
        self.thumbnails = True
        self.removed = []  # ids
        self.cuts = []  # cut each stream after that many result lines; None: no
        self.lost_answers = 0  # that many jobs are created, but the connection is cut before a line
        self.compress = False
        self.cache = False  # every answer of a job comes from the cache
        self.ready = None  # that many results of new jobs can be read; then they stay running
        self.swallow = False  # jobs have no results
        self.noise = []  # lines before each result
        self.lost_lines = 0  # that many more results than there are are reported as sent
        self.more_lines = []  # after the results of each job
        self.end_state, self.end_reason = "done", None
        self.refuse_follows = []  # answers to GET .../results
        self.wake = threading.Event()
        self.torn = False  # cut in the middle of the next line
        self.busy = 0  # that many requests get 429
        self.busy_retry_after = "0"
        self.page = 1000
        self.requests = []  # (method, path, query, body)
        self.heads = []
        self.uploads = {}
        self.lock = threading.Lock()
        self.sent = 0
        self.received = 0
        self.refuse_runs = None  # (status, body) for POST /v1/jobs

    def result(self, *arguments):
        return result(self, *arguments)

    def fill(self, count, prefix="2024/"):
        for i in range(count):
            self.stores["photos"][f"{prefix}{i:06d}.jpg".encode()] = 1000 + i


def name_in_json(key):
    try:
        return key.decode()
    except UnicodeDecodeError:
        return "".join(chr(b) if b < 0x80 and b != 0x25 else f"%{b:02X}" for b in key)


def is_encoded(key):
    return name_in_json(key) != key.decode("utf-8", "replace")


def result(fake, model, store, key, top, labels):
    name = store + "/" + name_in_json(key)
    answer = {"object": name}
    if is_encoded(key):
        answer["encoded"] = True
    if key not in fake.stores.get(store, {}):
        answer["error"] = {"code": "not_found", "message": "no such object"}
        return answer
    if key.endswith(b".bad"):
        answer["error"] = {"code": "undecodable", "message": "not a JPEG, PNG or WebP image"}
        return answer
    answer.update(payload(fake, model, sum(key), top, labels))
    return answer


def payload(fake, model, seed, top, labels):
    task = fake.models[model]["task"]
    if task == "feature-extraction":
        return {"embedding": [0.6, -0.8, 0.0, 0.0, 0.0]}
    if task == "tensor":
        return {"outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 0.25]},
                            {"name": "n", "datatype": "INT64", "shape": [], "data": [7]}]}
    classes = []
    for rank in range(min(top, len(LABELS))):
        index = (seed + rank) % len(LABELS)
        one = {"index": index, "score": round(0.5 / (rank + 1), 6)}
        if labels and LABELS[index] and model != "bare":
            one["label"] = LABELS[index]
        classes.append(one)
    return {"classes": classes}


class CountingWriter:
    def __init__(self, fake, inner):
        self.fake, self.inner = fake, inner

    def write(self, data):
        with self.fake.lock:
            self.fake.sent += len(data)
        return self.inner.write(data)

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Handler(fake_jobs.JobsMixin, fake_indexes.IndexesMixin, http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def setup(self):
        super().setup()
        self.wfile = CountingWriter(self.fake, self.wfile)

    def log_message(self, *_):
        pass

    def address_string(self):
        return "test"

    @property
    def fake(self):
        return self.server.fake

    def answer(self, status, body, headers=(), kind="application/json"):
        if not isinstance(body, bytes):
            body = (json.dumps(body, ensure_ascii=False) + "\n").encode()
        packed = self.fake.compress and "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 200
        body = gzip.compress(body) if packed else body
        self.send_response_only(status)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def fault(self, status, code, message, headers=()):
        self.answer(status, {"error": message, "code": code}, headers)

    def begin(self):
        fake = self.fake
        length = int(self.headers.get("Content-Length") or 0)
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        self.body = self.read_chunks() if chunked else self.rfile.read(length)
        split = urllib.parse.urlsplit(self.path)
        self.parts = [urllib.parse.unquote_to_bytes(p) for p in split.path.split("/")[1:]]
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True, errors="surrogateescape"))
        with fake.lock:
            fake.requests.append((self.command, split.path, self.query, self.body))
            fake.heads.append(dict(self.headers))
            fake.received += len(self.requestline) + 2 + length + 2
            fake.received += sum(len(k) + len(v) + 4 for k, v in self.headers.items())
            busy = fake.busy > 0
            fake.busy -= busy
        if fake.token and self.headers.get("Authorization") != "Bearer " + fake.token:
            self.fault(401, "unauthorized", "no token, or a wrong one")
            return False
        if busy:
            self.fault(429, "busy", "the queue is full", [("Retry-After", fake.busy_retry_after)])
            return False
        if self.command in ("POST", "PUT") and self.headers.get("Content-Type") not in (
                "application/json", "application/octet-stream"):
            self.fault(415, "malformed", "content type")
            return False
        return True

    def read_chunks(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def model_object(self, name, full):
        model = self.fake.models[name]
        labels = 0 if name == "bare" or model["task"] != "image-classification" else len(LABELS)
        one = {"name": name, "version": "2", "versions": ["1", "2"], "task": model["task"],
               "state": "ready", "loaded": True, "digest": self.fake.digest, "bytes": 2484091,
               "labels": labels}
        if full:
            one.update({"inputs": [{"name": "pixel_values", "datatype": "FP32", "shape": [-1, 3, 224, 224]}],
                        "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 6]}],
                        "pipeline": {"resize": "shortest_edge 256", "mean": [0.485, 0.456],
                                     "crop_size": {"height": 224, "width": 224}},
                        "family": "ConvNextImageProcessor", "notes": ["one note"]})
        return one

    def do_GET(self):
        if not self.begin():
            return
        parts = [p.decode("utf-8", "surrogateescape") for p in self.parts]
        if parts == ["v1", "status"]:
            self.answer(200, {"version": "0.1.0", "state": "ready", "uptime_s": 12.5, "lanes": 3,
                              "lanes_busy": 1, "queue": 0, "cores": 2,
                              "sandbox": {"landlock": True, "seccomp": True, "warning": None},
                              "memory_bytes": 31305728, "memory_budget_bytes": 12638255104, "models_loaded": 1, "objects": 128,
                              "bytes_read": 15028224, "bytes_sent": 11200, "bytes_received": 300,
                              "degraded": [{"store": s, "reason": r} for s, r in self.fake.away.items()]})
        elif parts == ["v1", "cache"]:
            self.answer(200, {"on": True, "paused": False, "entries": {"contents": 120, "answers": 128},
                              "used_bytes": 40960, "file_bytes": 65536, "limit_bytes": 1 << 30,
                              "hits": {"content": 300, "answer": 250}, "misses": {"content": 100, "answer": 50},
                              "evictions": 7, "dropped": 0, "damaged": 0})
        elif parts[:2] == ["v1", "jobs"]:
            self.get_job(parts)
        elif parts[1] in ("indexes", "thumbnails"):
            self.get_index(parts)
        elif parts == ["v1", "stores"]:
            self.answer(200, {"stores": [self.store_object(s) for s in self.fake.stores]})
        elif parts[:2] == ["v1", "stores"] and parts[3:] == ["objects"]:
            self.list_objects(parts[2])
        elif parts == ["v1", "models"]:
            self.answer(200, {"models": [self.model_object(m, False) for m in self.fake.models]})
        elif parts[:2] == ["v1", "models"] and parts[2] not in self.fake.models:
            self.fault(404, "not_found", f"there is no model '{parts[2]}'")
        elif parts[:2] == ["v1", "models"] and parts[3:] == ["labels"]:
            self.answer(200, {"labels": LABELS})
        elif parts[:2] == ["v1", "models"] and len(parts) == 3:
            self.answer(200, self.model_object(parts[2], True))
        elif parts[:2] == ["v1", "infer"] and len(parts) > 4:
            self.infer_one(parts[2], parts[3], b"/".join(self.parts[4:]))
        else:
            self.fault(404, "not_found", "no such path")

    def list_objects(self, store):
        if store not in self.fake.stores:
            self.fault(404, "not_found", f"there is no store '{store}'")
            return
        prefix = self.query.get("prefix", "").encode("utf-8", "surrogateescape")
        after = self.query.get("after", "").encode("utf-8", "surrogateescape")
        keys = [k for k in sorted(self.fake.stores[store]) if k.startswith(prefix) and k > after]
        page = keys[: self.fake.page]
        rows = [{"key": name_in_json(k), **({"encoded": True} if is_encoded(k) else {})} for k in page]
        if self.query.get("sizes") == "1":
            for row, key in zip(rows, page):
                row["size"] = self.fake.stores[store][key]
        self.answer(200, {"objects": rows, "more": len(keys) > len(page), "skipped": 0})

    def infer_one(self, model, store, key):
        if model not in self.fake.models:
            self.fault(404, "not_found", f"there is no model '{model}'")
            return
        one = result(self.fake, model, store, key, int(self.query.get("top", 5)),
                     self.query.get("labels") != "0")
        if "error" in one:
            status = 404 if one["error"]["code"] == "not_found" else 422
            self.fault(status, one["error"]["code"], one["error"]["message"])
            return
        self.answer(200, one)

    def store_object(self, name):
        """An older daemon does not report the state of a store."""
        if name not in self.fake.away:
            return {"name": name, "kind": "dir"}
        return {"name": name, "kind": "dir", "state": "unavailable",
                "reason": self.fake.away[name], "since": "2026-01-31T12:00:00Z"}

    def act_on_store(self, name, action):
        if name not in self.fake.stores:
            self.fault(404, "not_found", f"no store '{name}'")
            return
        if action == "detach":
            self.fake.away[name] = "it is detached"
        else:
            self.fake.away.pop(name, None)
        self.answer(200, self.store_object(name))

    def do_POST(self):
        if not self.begin():
            return
        parts = [p.decode() for p in self.parts]
        if parts == ["v1", "jobs"]:
            self.post_job()
        elif parts[:2] == ["v1", "jobs"] and len(parts) == 4:
            self.act_on_job(parts)
        elif parts[:2] == ["v1", "indexes"]:
            self.post_index(parts)
        elif parts[:2] == ["v1", "stores"] and len(parts) == 4:
            self.act_on_store(parts[2], parts[3])
        elif parts[:2] != ["v1", "infer"] or len(parts) != 3:
            self.fault(404, "not_found", "no such path")
        elif parts[2] not in self.fake.models:
            self.fault(404, "not_found", f"there is no model '{parts[2]}'")
        else:
            if not self.body.startswith(b"\xff\xd8"):
                self.fault(422, "undecodable", "not a JPEG, PNG or WebP image")
                return
            one = {"object": self.query["name"]} if "name" in self.query else {}
            one.update(payload(self.fake, parts[2], len(self.body), int(self.query.get("top", 5)), True))
            self.answer(200, one)

    def do_PUT(self):
        if not self.begin():
            return
        name = self.parts[2].decode()
        if self.parts[1] == b"indexes":
            self.put_vectors(name)
            return
        try:
            with tarfile.open(fileobj=io.BytesIO(self.body)) as archive:
                files = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}
        except tarfile.TarError as error:
            self.fault(400, "malformed", str(error))
            return
        if files.get("model.onnx") == b"broken":
            self.fault(422, "unfit", "model.onnx: not an ONNX model")
            return
        self.fake.uploads[name] = (self.query, files)
        self.fake.models[name] = {"task": "image-classification"}
        self.answer(201, self.model_object(name, True))

    def do_DELETE(self):
        if not self.begin():
            return
        if self.parts == [b"v1", b"cache"]:
            self.send_response_only(204)
            self.end_headers()
            return
        name = self.parts[2].decode()
        if self.parts[1] in (b"jobs", b"indexes"):
            (self.remove_job if self.parts[1] == b"jobs" else self.remove_index)(name)
            return
        if name not in self.fake.models:
            self.fault(404, "not_found", f"there is no model '{name}'")
            return
        del self.fake.models[name]
        self.send_response_only(204)
        self.end_headers()


class TcpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # clients leave in the middle of answers on purpose


class UnixServer(TcpServer):
    address_family = socket.AF_UNIX

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self):
        connection, _ = self.socket.accept()
        return connection, ("unix", 0)


class Running:
    """with Running(fake) as address: ..."""

    def __init__(self, fake, path=None, certificate=None):
        self.server = UnixServer(path, Handler) if path else TcpServer(("127.0.0.1", 0), Handler)
        self.server.fake = fake
        self.path = path
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = "unix:" + path if path else f"{scheme}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self.address

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        if self.path:
            os.unlink(self.path)
