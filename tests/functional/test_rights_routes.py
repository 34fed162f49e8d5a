# SPDX-License-Identifier: Apache-2.0
"""Each route, each right, and where the right holds: in all stores, in the store of what is asked for,
in another, in none. By token, by a user of the unix socket, and by a user over loopback.

A route that is missing from the table fails test_the_table_has_each_route.
"""

import contextlib
import http.client
import io
import json
import os
import re
import socket
import tarfile
import typing

import pytest

from conftest import ROOT, grey_png
from rights import NOBODY, peer_section, token_of, token_section

SCOPES = {"all": "*", "own": "photos", "other": "scans", "none": None}

# Each right alone, and the sets of which a request needs both.
RIGHTS = ("infer search list thumbnails objects jobs models packages indexes results cluster admin metrics "
          "volumes:box jobs+infer indexes+infer").split()

ANY = "infer|search|list|thumbnails|objects|jobs|models|packages|indexes|results|cluster|admin|metrics"
OBJECTS = "infer|search|list|thumbnails|objects|jobs|indexes|results"
MODELS = "infer|search|thumbnails|jobs|models|packages|indexes|results|cluster|admin"
NOTHING = ""

JSON = "application/json"
OCTETS = "application/octet-stream"


class Row(typing.NamedTuple):
    """`rights` suffice, as `infer|jobs+list`; others give 403. `all` to `none` are the statuses of who
    has them, by where. Of several rows of a route the last counts whose rights one has."""
    method: str
    path: str
    rights: str
    all: int
    own: int
    other: int
    none: int
    body: object = None  # bytes, what becomes JSON, or the name of one of the bodies of `Things`

    def route(self):
        """As the daemon's tables have it."""
        path = re.sub(r"\?.*", "", self.path)
        for pattern, stars in ((r"\{store\}/\{key\}", "**"), (r"\{\w+\}", "*"), (r"memory/.*", "memory/**")):
            path = re.sub(pattern, stars, path)
        return self.method, path.replace("/thumbnails/*/", "/thumbnails/**")


IMAGE_INPUT = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["photos/0wn.png"],
                           "parameters": {"stored_object": True}}]}
OF_PHOTOS = {"model": "m", "select": {"store": "photos"}}
WITH_FEATURES = {"model": "features"}
INDEX_OF_PHOTOS = {"name": "made", "model": "features", "select": {"store": "photos"}}

TABLE = [Row(*row) for row in (
    # method, path, rights that suffice, in all stores, its own, another, none
    ("GET", "/v1/infer/{model}/{store}/{key}", "infer", 200, 200, 404, 404),
    ("POST", "/v1/infer/{model}", "infer", 200, 200, 200, 200, "picture"),
    ("GET", "/v1/thumbnails/{store}/{key}", "thumbnails", 200, 200, 404, 404),

    ("POST", "/v2/models/{model}/infer", "infer", 200, 200, 404, 404, IMAGE_INPUT),
    ("POST", "/v2/models/{model}/versions/{version}/infer", "infer", 200, 200, 404, 404, IMAGE_INPUT),
    ("GET", "/v2", ANY, 200, 200, 200, 200),
    ("GET", "/v2/", ANY, 200, 200, 200, 200),
    ("GET", "/v2/health/live", NOTHING, 200, 200, 200, 200),
    ("GET", "/v2/health/ready", NOTHING, 200, 200, 200, 200),
    ("GET", "/v2/models/stats", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/stats", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/versions/{version}/stats", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/config", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/versions/{version}/config", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/versions/{version}", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/ready", MODELS, 200, 200, 200, 200),
    ("GET", "/v2/models/{model}/versions/{version}/ready", MODELS, 200, 200, 200, 200),
    ("POST", "/v2/repository/index", MODELS, 200, 200, 200, 200, {}),
    ("POST", "/v2/repository/models/{idle}/load", "models|admin", 200, 200, 200, 200, {}),
    ("POST", "/v2/repository/models/{idle}/unload", "models|admin", 200, 200, 200, 200, {}),
    ("GET", "/v2/systemsharedmemory/status", ANY, 501, 501, 501, 501),
    ("POST", "/v2/systemsharedmemory/register", ANY, 501, 501, 501, 501, {}),
    ("GET", "/v2/cudasharedmemory/status", ANY, 501, 501, 501, 501),
    ("POST", "/v2/cudasharedmemory/register", ANY, 501, 501, 501, 501, {}),
    ("GET", "/v2/trace/setting", ANY, 501, 501, 501, 501),
    ("POST", "/v2/trace/setting", ANY, 501, 501, 501, 501, {}),
    ("GET", "/v2/models/{model}/trace/setting", ANY, 501, 501, 501, 501),
    ("POST", "/v2/models/{model}/trace/setting", ANY, 501, 501, 501, 501, {}),
    ("GET", "/v2/logging", ANY, 501, 501, 501, 501),
    ("POST", "/v2/logging", ANY, 501, 501, 501, 501, {}),

    ("GET", "/v1/models", MODELS, 200, 200, 200, 200),
    ("GET", "/v1/models/{model}", MODELS, 200, 200, 200, 200),
    ("GET", "/v1/models/{model}/labels", MODELS, 200, 200, 200, 200),
    ("PUT", "/v1/models/{added}", "models", 201, 201, 201, 201, "package"),
    ("POST", "/v1/models/{added}", "models", 201, 201, 201, 201, "import"),
    ("DELETE", "/v1/models/{victim}", "models", 204, 204, 204, 204),

    ("POST", "/v1/jobs", "jobs", 403, 403, 404, 404, OF_PHOTOS),
    ("POST", "/v1/jobs", "jobs+infer", 201, 201, 404, 404, OF_PHOTOS),
    ("GET", "/v1/jobs", "jobs", 200, 200, 200, 200),
    ("GET", "/v1/jobs/{job}", "jobs", 200, 200, 404, 404),
    ("DELETE", "/v1/jobs/{ended}", "jobs", 204, 204, 404, 404),
    ("GET", "/v1/jobs/{ended}/results", "jobs", 200, 200, 404, 404),
    ("POST", "/v1/jobs/{job}/pause", "jobs", 200, 200, 404, 404, {}),
    ("POST", "/v1/jobs/{job}/resume", "jobs", 403, 403, 404, 404, {}),
    ("POST", "/v1/jobs/{job}/resume", "jobs+infer", 200, 200, 404, 404, {}),
    ("POST", "/v1/jobs/{job}/cancel", "jobs", 200, 200, 404, 404, {}),
    ("POST", "/v1/jobs/{ended}/retry", "jobs", 403, 403, 404, 404, {}),
    ("POST", "/v1/jobs/{ended}/retry", "jobs+infer", 201, 201, 404, 404, {}),
    ("POST", "/v1/jobs/{job}/exclude-defaults", "jobs", 403, 403, 404, 404, {}),
    ("POST", "/v1/jobs/{job}/exclude-defaults", "jobs+infer", 200, 200, 404, 404, {}),

    ("POST", "/v1/indexes", "indexes", 403, 403, 404, 404, INDEX_OF_PHOTOS),
    ("POST", "/v1/indexes", "indexes+infer", 201, 201, 404, 404, INDEX_OF_PHOTOS),
    ("GET", "/v1/indexes", "search|indexes", 200, 200, 200, 200),
    ("GET", "/v1/indexes/{index}", "search|indexes", 200, 200, 404, 404),
    ("DELETE", "/v1/indexes/{index}", "indexes", 204, 204, 404, 404),
    ("POST", "/v1/indexes/{fed}/rebuild", "indexes", 403, 403, 404, 404, WITH_FEATURES),
    ("POST", "/v1/indexes/{fed}/rebuild", "indexes+infer", 202, 202, 404, 404, WITH_FEATURES),
    ("POST", "/v1/indexes/{index}/search", "search", 200, 200, 404, 404, {"object": "photos/0wn.png"}),
    ("GET", "/v1/indexes/{index}/duplicates?least=0.5", "search", 200, 200, 404, 404),
    ("GET", "/v1/indexes/{index}/vectors", "results", 200, 200, 404, 404),
    ("PUT", "/v1/indexes/{made}/vectors", "results", 201, 201, 403, 403, "vectors"),

    ("GET", "/v1/cache", "results", 200, 403, 403, 403),
    ("DELETE", "/v1/cache", "results", 204, 403, 403, 403),

    ("GET", "/v1/stores", OBJECTS, 200, 200, 200, 200),
    ("GET", "/v1/stores/{store}/objects", "list", 200, 200, 404, 404),
    ("POST", "/v1/stores/{store}/detach", "admin", 200, 200, 404, 404, {}),
    ("POST", "/v1/stores/{store}/attach", "admin", 200, 200, 404, 404, {}),

    ("GET", "/v1/status", "metrics", 200, 200, 200, 200),
    ("GET", "/metrics", "metrics", 200, 200, 200, 200),
)]


def suffices(rights, needed):
    """Whether a section with `rights` has one of the sets of `needed`."""
    has = set(ANY.split("|")) if rights == "admin" else set(rights.split("+"))
    return not needed or any(has >= set(choice.split("+")) for choice in needed.split("|"))


def expected(rows, rights, scope):
    enough = [row for row in rows if suffices(rights, row.rights)]
    return getattr(enough[-1], scope) if enough else 403


def by_route():
    routes = {}
    for row in TABLE:
        routes.setdefault((row.method, row.path), []).append(row)
    return list(routes.values())


def test_the_table_has_each_route():
    routes, tables, interfaces = [], 0, 0
    for file in sorted((ROOT / "src").rglob("*.c")):
        text = file.read_text()
        interfaces += len(re.findall(r"= INTERFACE\(", text))
        for table in re.findall(r"^static const struct route \w+\[\] = \{\n(.*?)^\};", text, re.M | re.S):
            tables += 1
            found = re.findall(r'\{\s*"([A-Z]+)",\s*"([^"]+)"', table)
            assert len(found) == table.count("{"), f"{file}: not each route was read"
            routes += found
    assert tables == interfaces > 0
    missing = sorted(set(routes) - {row.route() for row in TABLE})
    assert not missing, f"add rows to the table for {missing}"
    gone = sorted({row.route() for row in TABLE} - set(routes))
    assert not gone, f"remove the rows of {gone}"


# ---- who asks


class Client(http.client.HTTPConnection):
    """A connection by TCP or by the unix socket, as that user, with that token."""

    def __init__(self, daemon, user=None, token=None, tcp=True):
        super().__init__("127.0.0.1", daemon.port, timeout=60)
        self.daemon, self.user, self.token, self.tcp = daemon, user, token, tcp

    def connect(self):
        with contextlib.ExitStack() as stack:
            if self.user is not None:
                os.seteuid(self.user)
                stack.callback(os.seteuid, 0)
            if self.tcp:
                super().connect()
            else:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.settimeout(60)
                self.sock.connect("situd.sock")  # its directory is closed for other users

    def ask(self, method, path, body=None):
        """Status and text."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["Content-Type"] = OCTETS if isinstance(body, bytes) else JSON
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.request(method, path, body, headers)
        answer = self.getresponse()
        return answer.status, answer.read().decode(errors="replace")


class Things:
    """What the requests are about; made by who may do all, and made again where a request took it away."""

    def __init__(self, daemon, root, packages):
        self.daemon, self.root, self.packages = daemon, root, packages
        self.names = {"store": "photos", "key": "0wn.png", "model": "m", "idle": "idle", "added": "added",
                      "victim": "victim", "index": "held", "fed": "fed", "made": "made"}
        self.bodies = {"picture": (packages.parent / "photos/0wn.png").read_bytes(),
                       "package": pack(packages / "m"),
                       "import": {"path": str(packages / "m")},
                       "vectors": b'{"object": "photos/0wn.png", "embedding": [1, 0]}\n'
                                  b'{"object": "photos/2.png", "embedding": [1, 0.1]}\n'}
        self.names["version"] = self.get("/v1/models/m")["version"]
        self.restore()

    def get(self, path):
        status, text = self.root.ask("GET", path)
        return json.loads(text) if status == 200 else None

    def make(self, method, path, body=None, allowed=()):
        status, text = self.root.ask(method, path, body)
        assert status < 300 or status in allowed, (method, path, status, text)
        return json.loads(text) if text else None

    def jobs(self):
        """But those that fill indexes."""
        return [job for job in self.get("/v1/jobs")["jobs"]
                if not job.get("token", "").startswith("index.")]

    def restore(self):
        self.make("POST", "/v1/stores/photos/attach", {})
        self.make("DELETE", "/v1/models/added", allowed=[404])
        self.make("DELETE", "/v1/indexes/made", allowed=[404])
        if not self.get("/v1/models/victim"):
            self.make("PUT", "/v1/models/victim", self.bodies["package"])
        if not self.get("/v1/indexes/held"):
            self.make("PUT", "/v1/indexes/held/vectors?metric=dot", self.bodies["vectors"])
        if not self.get("/v1/indexes/fed"):
            self.make("POST", "/v1/indexes", {**INDEX_OF_PHOTOS, "name": "fed"})
        if (self.get(f"/v1/jobs/{self.names.get('job')}") or {"state": ""})["state"] != "paused":
            self.names["job"] = self.make("POST", "/v1/jobs", {**OF_PHOTOS, "standing": True})["id"]
            self.make("POST", f"/v1/jobs/{self.names['job']}/pause", {})
        if not self.get(f"/v1/jobs/{self.names.get('ended')}"):
            self.names["ended"] = self.make("POST", "/v1/jobs", OF_PHOTOS)["id"]
            self.daemon.wait_for(lambda: self.get(f"/v1/jobs/{self.names['ended']}")["state"] == "done",
                                 "the job")
        self.daemon.wait_for(lambda: not self.get("/v1/indexes/fed").get("next"), "the rebuild")
        for job in self.jobs():
            if job["id"] not in self.names.values():
                self.make("POST", f"/v1/jobs/{job['id']}/cancel", {}, allowed=[409])
                self.make("DELETE", f"/v1/jobs/{job['id']}", allowed=[404, 409])

    def snapshot(self):
        """What a refused request must not change."""
        return {
            "models": [(model["name"], model["version"]) for model in self.get("/v1/models")["models"]],
            "indexes": [index["name"] for index in self.get("/v1/indexes")["indexes"]],
            "jobs": [job["id"] for job in self.jobs()],
            "job": self.get(f"/v1/jobs/{self.names['job']}")["state"],
            "stores": [store["name"] for store in self.get("/v1/stores")["stores"]],
            "objects": self.get("/v1/stores/photos/objects"),
        }


def pack(package):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        for file in sorted(package.iterdir()):
            t.add(file, file.name)
    return tar.getvalue()


@pytest.fixture
def serve(tmp_path, situd, null_models, monkeypatch):
    """serve(text of the rights file, options): the daemon, and what the requests are about."""
    grey_png(tmp_path / "photos/0wn.png", 1)
    grey_png(tmp_path / "photos/2.png", 2)
    (tmp_path / "photos/broken.png").write_bytes(b"no picture")
    grey_png(tmp_path / "scans/3.png", 3)
    models = null_models(m="sleep 0", features="sleep 0", idle="sleep 0")
    (models / "features/situ.json").write_text('{"task": "feature-extraction"}')

    def start(text, *args):
        (tmp_path / "rights").write_text(text)
        daemon = situd("--store", f"photos={tmp_path}/photos", "--store", f"scans={tmp_path}/scans",
                       "--models", models, "--engine", "null", "--import-root", tmp_path,
                       "--token-file", tmp_path / "rights", "--socket-mode", "0666", *args)
        monkeypatch.chdir(daemon.directory)
        return Things(daemon, Client(daemon, tcp=False), models)

    return start


CALLERS = [(rights, scope) for rights in RIGHTS for scope in SCOPES]


def faults_of(row, path, caller, wanted, status, text, names):
    """What is wrong with an answer: its status or code, or that it tells what the caller may not know
    and the request did not say."""
    code = {401: "unauthorized", 403: "forbidden", 404: "not_found"}.get(wanted)
    if status != wanted or (code and json.loads(text)["code"] != code):
        return [f"{caller} {row.method} {path}: {status}, not {wanted}: {text}"]
    asked = path + json.dumps(row.body)
    secrets = ["photos"] + [names[thing] for thing in ("key", "job", "ended", "index", "fed")]
    return [f"{caller} {row.method} {path}: tells of {secret}: {text}" for secret in secrets
            if caller[1] in ("other", "none") and secret in text and secret not in asked]


def check_table(things, clients):
    """`clients` by rights and scope. Refusals first: they change nothing."""
    faults = []
    for rows in by_route():
        row = rows[0]
        body = things.bodies[row.body] if isinstance(row.body, str) else row.body
        granted = {caller: expected(rows, *caller) < 400 for caller in clients}
        before = things.snapshot()
        for caller in sorted(clients, key=granted.get):
            if before and granted[caller]:
                if things.snapshot() != before:
                    faults.append(f"{row.method} {row.path}: a refused request has changed something")
                before = None
            path = row.path.format(**things.names)
            wanted = expected(rows, *caller)
            status, text = clients[caller].ask(row.method, path, body)
            faults += faults_of(row, path, caller, wanted, status, text, things.names)
            if row.method == "GET" and clients[caller].ask("HEAD", path) != (wanted, ""):
                faults.append(f"{caller} HEAD {path}")
            if status < 300 and row.method != "GET":
                things.restore()
    assert not faults, "\n".join([f"{len(faults)} faults", *faults])


def test_by_token(serve):
    names = {caller: "-".join(caller).replace(":", "-").replace("+", "-") for caller in CALLERS}
    things = serve("".join(token_section(name, rights.replace("+", " "), SCOPES[scope])
                           for (rights, scope), name in names.items()))
    check_table(things, {caller: Client(things.daemon, token=token_of(name))
                         for caller, name in names.items()})
    for token in (None, token_of("unknown")):
        stranger = Client(things.daemon, token=token)
        for row in TABLE:
            status, _ = stranger.ask(row.method, row.path.format(**things.names))
            assert status == (401 if row.rights else 200), (row, status)


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "loopback"])
def test_by_user(serve, tcp):
    if os.geteuid() != 0:
        pytest.skip("other users' requests need root")
    users = {caller: 61000 + i for i, caller in enumerate(CALLERS)}
    things = serve("".join(peer_section("user", f"{user}", rights.replace("+", " "), SCOPES[scope])
                           for (rights, scope), user in users.items()), "--loopback-users", f"{NOBODY}")
    check_table(things, {caller: Client(things.daemon, user=user, tcp=tcp)
                         for caller, user in users.items()})
    stranger, named, root = (Client(things.daemon, user=user, tcp=tcp) for user in (60000, NOBODY, 0))
    for row in TABLE:
        path = row.path.format(**things.names)
        status, _ = stranger.ask(row.method, path)
        assert status == (403 if row.rights else 200), (row, status)
        if row.method == "GET":
            assert root.ask(row.method, path)[0] == row.all, row
            assert named.ask(row.method, path)[0] == (row.all if tcp or not row.rights else 403), row


# ---- two operators of one store


OPERATORS = {"anna": "ant", "bert": "bee"}  # and what the names of their pictures begin with
OPERATOR = "infer+search+list+thumbnails+objects+jobs+indexes+results+metrics"

MORE_READS = [
    Row("GET", "/v1/stores/{store}/objects?all=1&sizes=1&sniff=1&unlisted=1", "list", 200, 200, 404, 404),
    Row("GET", "/v1/infer/{model}/{store}/{broken}", "infer", 422, 422, 404, 404),
    Row("GET", "/v1/thumbnails/{store}/{broken}", "thumbnails", 422, 422, 404, 404),
]


@pytest.fixture
def operators(serve, tmp_path):
    """The connection of each, and the names of what it has: a job and an index have looked at its
    pictures, so that the cache has them. Their first pictures are copies of each other."""
    for n, (who, word) in enumerate(OPERATORS.items()):
        for i in range(3):
            grey_png(tmp_path / f"photos/{who}/{word}{i}.png", 50 + i * (1 + 10 * n))
        (tmp_path / f"photos/{who}/{word}-broken.png").write_bytes(word.encode())
    things = serve("".join(token_section(who, "operator", f"photos/{who}/") for who in OPERATORS))

    def make(client, path, body):
        status, text = client.ask("POST", path, body)
        assert status == 201, text
        return json.loads(text)

    def furnish(who, word):
        client, index = Client(things.daemon, token=token_of(who)), f"{word}-hill"
        select = {"store": "photos", "prefix": f"{who}/"}
        job = make(client, "/v1/jobs", {"model": "m", "select": select})["id"]
        make(client, "/v1/indexes", {"name": index, "model": "features", "select": select})
        things.daemon.wait_for(lambda: things.get(f"/v1/jobs/{job}")["state"] == "done", "the job")
        things.daemon.wait_for(lambda: things.get(f"/v1/indexes/{index}")["state"] == "ready", "the index")
        return client, {**things.names, "key": f"{who}/{word}0.png", "broken": f"{who}/{word}-broken.png",
                        "job": job, "ended": job, "index": index, "fed": index}

    return {who: furnish(who, word) for who, word in OPERATORS.items()}


@pytest.mark.parametrize("who, other", [("anna", "bert"), ("bert", "anna")])
def test_no_answer_to_an_operator_tells_of_the_other(operators, who, other):
    """Of all that can be read, errors among it."""
    client, own = operators[who]
    secrets = [other, OPERATORS[other], operators[other][1]["job"], "scans", "0wn.png"]
    own_names = 0
    for row in [row for row in TABLE if row.method == "GET"] + MORE_READS:
        path = row.path.format(**own)
        status, text = client.ask("GET", path)
        allowed = suffices(OPERATOR, row.rights)
        assert status == (row.own if allowed else 403), (path, text)
        told = [secret for secret in secrets if re.search(rf"\b{secret}", text)]
        assert not told, (path, told, text)
        own_names += own["key"] in text
    assert own_names >= 4, "in lists, results and vectors"


def test_what_is_the_others_is_absent_though_it_is_cached(operators):
    absent = {"key": "{}/none.png", "job": "aaaaaaaa", "ended": "aaaaaaaa", "index": "cat-hill",
              "fed": "cat-hill"}

    def answer(client, row, names):
        body = json.loads(json.dumps(row.body).replace("0wn.png", names["key"]))
        status, text = client.ask(row.method, row.path.format(**names), body)
        for thing in absent:
            text = text.replace(names[thing], thing)
        return status, text

    rows = [row for row in TABLE if row.other == 404 and suffices(OPERATOR, row.rights) and
            ("0wn.png" in json.dumps(row.body) or re.search(r"\{(key|job|ended|index|fed)\}", row.path))]
    assert len(rows) > 15
    for who, other in (("anna", "bert"), ("bert", "anna")):
        client, others = operators[who][0], operators[other][1]
        missing = {**others, **{thing: name.format(other) for thing, name in absent.items()}}
        for row in rows:
            seen = answer(client, row, others)
            assert seen == answer(client, row, missing) and seen[0] == 404, (row, seen)


def test_a_cached_copy_is_answered_with_ones_own_name(operators):
    answers = set()
    for client, names in operators.values():
        status, text = client.ask("GET", f"/v1/infer/m/photos/{names['key']}")
        assert status == 200 and names["key"] in text
        answers.add(text.replace(names["key"], "KEY"))
    assert len(answers) == 1, answers
