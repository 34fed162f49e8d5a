# SPDX-License-Identifier: Apache-2.0
"""What the tests of rights share: rights files, and those who call, with tokens or as users."""

import hashlib
import json
import os
import signal
import subprocess
import sys

import pytest
import requests

NOBODY = 65534

# Reads a request, as JSON, and writes the answer: a connection of its own, by whoever runs it.
CLIENT = """
import http.client, json, socket, sys
request = json.load(sys.stdin)
connection = http.client.HTTPConnection("localhost", request["port"] or 80, timeout=30)
if not request["port"]:
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect("situd.sock")
connection.request(request["method"], request["path"], request["body"], request["headers"])
answer = connection.getresponse()
print(json.dumps({"status": answer.status, "headers": dict(answer.getheaders()),
                  "text": answer.read().decode(errors="replace")}))
"""


def token_of(name):
    """The token of the section [token NAME]."""
    return f"{name}-has-a-token-of-more-than-20-bytes"


def token_section(name, rights, stores=None, **settings):
    """The text of a section [token NAME]; further settings as `expires="2027-01-31"`."""
    lines = {"hash": hashlib.sha256(token_of(name).encode()).hexdigest(), "rights": rights,
             "stores": stores, **settings}
    return f"[token {name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()
                                         if value is not None)


class Caller:
    """Calls a daemon with the token of that name; without a name with none."""

    def __init__(self, daemon, name=None):
        self.url = daemon.url
        self.session = requests.Session()
        if name:
            self.session.headers["Authorization"] = f"Bearer {token_of(name)}"

    def call(self, method, path, **options):
        return self.session.request(method, self.url + path, timeout=options.pop("timeout", 60),
                                    **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body, **options):
        return self.call("POST", path, json=body, **options)

    def delete(self, path, **options):
        return self.call("DELETE", path, **options)

    def lines(self, path, **options):
        """The lines of an answer of lines, as objects."""
        r = self.get(path, **options)
        assert r.status_code == 200, r.text
        return [json.loads(line) for line in r.content.splitlines() if line]

def peer_section(kind, name, rights, stores=None):
    """The text of a section [user NAME] or [group NAME]."""
    return f"[{kind} {name}]\nrights = {rights}\n" + (f"stores = {stores}\n" if stores else "")


def bearer(name):
    """The headers of a request with the token of that name."""
    return {"Authorization": f"Bearer {token_of(name)}"}


def reload(daemon):
    before = daemon.log().count("event=reloaded")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: daemon.log().count("event=reloaded") > before, "the reload")


class Answer:
    def __init__(self, status, headers, text):
        self.status_code, self.headers, self.text = status, headers, text

    def json(self):
        return json.loads(self.text)


def ask_as(daemon, user, method, path, body=None, groups=(), tcp=False, headers=None):
    """A request of another user of this machine: by the unix socket, or over loopback."""
    if os.geteuid() != 0:
        pytest.skip("other users' requests need root")
    request = {"method": method, "path": path, "body": None if body is None else json.dumps(body),
               "port": daemon.port if tcp else 0,
               "headers": {"Content-Type": "application/json", **(headers or {})}}
    out = subprocess.run([sys.executable, "-c", CLIENT], input=json.dumps(request), text=True,
                         capture_output=True, timeout=60, cwd=daemon.directory, user=user,
                         group=user, extra_groups=list(groups))
    assert out.returncode == 0, out.stderr
    return Answer(**json.loads(out.stdout))
