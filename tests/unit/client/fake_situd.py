# SPDX-License-Identifier: Apache-2.0
"""A small array for the tests of libsitu and the CLI: the paths of docs/protocol.md over TCP or a unix
socket, with made-up results and with the faults that a test asks for. Standard library only."""

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

LABELS = ["tench", "Egyptian cat", 'a "quoted", label', "bell\x07\x1b[31m", "", "été"]


class Fake:
    """What the array holds, and what it shall do wrong. Attributes may be changed while it runs."""

    def __init__(self):
        self.stores = {"photos": {}}  # store -> key (bytes) -> size
        self.models = {"cnn": {"task": "image-classification"}, "clip": {"task": "feature-extraction"},
                       "net": {"task": "tensor"}, "bare": {"task": "image-classification"}}
        self.token = None
        self.cuts = []  # of each run request: cut the stream after so many result lines
        self.torn = False  # cut in the middle of the next line
        self.busy = 0  # so many requests get 429
        self.busy_retry_after = "0"
        self.page = 1000
        self.requests = []  # (method, path, query, body)
        self.heads = []
        self.uploads = {}
        self.lock = threading.Lock()
        self.sent = 0
        self.received = 0
        self.refuse_runs = None  # (status, body) for run requests

    def fill(self, count, prefix="2024/"):
        for i in range(count):
            self.stores["photos"][f"{prefix}{i:06d}.jpg".encode()] = 1000 + i


def name_in_json(key):
    try:
        return key.decode()
    except UnicodeDecodeError:
        return "".join(chr(b) if b < 0x80 and b != 0x25 else f"%{b:02X}" for b in key)


def result(fake, model, store, key, top, labels):
    name = store + "/" + name_in_json(key)
    answer = {"object": name}
    if key not in fake.stores.get(store, {}):
        answer["error"] = {"code": "not_found", "message": "no such object"}
        return answer
    try:
        key.decode()
    except UnicodeDecodeError:
        answer["error"] = {"code": "unreadable", "message": "the name is not UTF-8"}
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


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

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
        self.send_response_only(status)
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
        self.body = self.rfile.read(length)
        split = urllib.parse.urlsplit(self.path)
        self.parts = [urllib.parse.unquote_to_bytes(p) for p in split.path.split("/")[1:]]
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
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

    def model_object(self, name, full):
        model = self.fake.models[name]
        labels = 0 if name == "bare" or model["task"] != "image-classification" else len(LABELS)
        one = {"name": name, "version": "2", "versions": ["1", "2"], "task": model["task"],
               "state": "ready", "loaded": True, "digest": "9f" * 32, "bytes": 2484091,
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
                              "bytes_read": 15028224, "bytes_sent": 11200, "bytes_received": 300})
        elif parts == ["v1", "stores"]:
            self.answer(200, {"stores": [{"name": s, "kind": "dir"} for s in self.fake.stores]})
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
        prefix = self.query.get("prefix", "").encode()
        after = self.query.get("after", "").encode()
        keys = [k for k in sorted(self.fake.stores[store]) if k.startswith(prefix) and k > after]
        page = keys[: self.fake.page]
        rows = [{"key": name_in_json(k)} for k in page]
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

    def do_POST(self):
        if not self.begin():
            return
        parts = [p.decode() for p in self.parts]
        if parts[:2] != ["v1", "infer"] or len(parts) != 3:
            self.fault(404, "not_found", "no such path")
        elif parts[2] not in self.fake.models:
            self.fault(404, "not_found", f"there is no model '{parts[2]}'")
        elif self.headers["Content-Type"] == "application/octet-stream":
            if not self.body.startswith(b"\xff\xd8"):
                self.fault(422, "undecodable", "not a JPEG, PNG or WebP image")
                return
            one = {"object": self.query["name"]} if "name" in self.query else {}
            one.update(payload(self.fake, parts[2], len(self.body), int(self.query.get("top", 5)), True))
            self.answer(200, one)
        elif self.fake.refuse_runs:
            self.answer(*self.fake.refuse_runs)
        else:
            self.run(parts[2])

    def selected(self, select):
        """(store, key) pairs and how many were skipped, or None after a fault."""
        if "keys" in select:
            if len(select["keys"]) > 4096 or len(self.body) > 1 << 20:
                self.fault(400, "malformed", "too many keys")
                return None
            return [tuple(k.split("/", 1)) if "/" in k else (k, "") for k in select["keys"]], 0
        store = select["store"]
        if store not in self.fake.stores:
            self.fault(404, "not_found", f"there is no store '{store}'")
            return None
        keys = [k for k in sorted(self.fake.stores[store])
                if k.startswith(select["prefix"].encode()) and k > select.get("after", "").encode()]
        return [(store, k) for k in keys if not k.endswith(b".txt")], sum(
            k.endswith(b".txt") for k in keys)

    def run(self, model):
        asked = json.loads(self.body)
        chosen = self.selected(asked["select"])
        if chosen is None:
            return
        pairs, skipped = chosen
        with self.fake.lock:
            cut = self.fake.cuts.pop(0) if self.fake.cuts else None
        self.send_response_only(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.line({"selected": {"objects": len(pairs), "skipped": skipped}})
        read = failed = 0
        for i, (store, key) in enumerate(pairs):
            key = key.encode() if isinstance(key, str) else key
            one = result(self.fake, model, store, key, asked.get("top", 5), asked.get("labels", True))
            if cut is not None and i == cut:
                self.cut(one)
                return
            failed += "error" in one
            read += self.fake.stores.get(store, {}).get(key, 0)
            self.line(one)
        if cut is not None:
            self.cut({"done": {}})
            return
        self.line({"done": {"objects": len(pairs), "failed": failed, "bytes_read": read}})
        self.wfile.write(b"0\r\n\r\n")

    def line(self, one, whole=True):
        text = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        text = text if whole else text[: len(text) // 2]
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def cut(self, one):
        if self.fake.torn:
            self.line(one, whole=False)
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_PUT(self):
        if not self.begin():
            return
        name = self.parts[2].decode()
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
        name = self.parts[2].decode()
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
