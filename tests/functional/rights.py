# SPDX-License-Identifier: Apache-2.0
"""What the tests of rights share: a rights file of named tokens, and those who call with them."""

import hashlib
import json

import requests


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
