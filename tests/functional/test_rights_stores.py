# SPDX-License-Identifier: Apache-2.0
"""Rights over stores, listings, figures and the cache: what a caller may not know of is not listed,
not counted and not named.

`anna` and `bert` are operators of a prefix of `photos` each, `two` lists two of its prefixes,
`infers` knows photos/a/ but lists nothing, `keeper` administers photos/a/ and all of scans, `root`
may do all. The store `secret` is known to root only.
"""

import re
import statistics
import subprocess
import time

import pytest

from conftest import SITU
from rights import NOBODY, Caller, ask_as, peer_section, token_of, token_section

SECTIONS = "\n".join([
    token_section("anna", "operator", "photos/a/"),
    token_section("bert", "operator", "photos/b/"),
    token_section("two", "list", "photos/a/ photos/c/deep/"),
    token_section("scanner", "reader", "scans"),
    token_section("infers", "infer", "photos/a/"),
    token_section("keeper", "admin", "photos/a/ scans"),
    token_section("root", "admin", "*"),
    peer_section("user", "nobody", "list", "photos/a/"),
    peer_section("group", "nogroup", "infer", "photos/b/"),
])

FILES = {"a": ["1.jpg", "2.jpg", "notes.txt"], "b": ["1.jpg", "2.txt", "3.txt"],
         "c": ["1.jpg"], "c/deep": ["1.jpg", "2.jpg", "z.txt"]}
A = ["a/1.jpg", "a/2.jpg"]
DEEP = ["c/deep/1.jpg", "c/deep/2.jpg"]


@pytest.fixture
def daemon(tmp_path, situd, null_models):
    for place, names in FILES.items():
        (tmp_path / "photos" / place).mkdir(parents=True, exist_ok=True)
        for name in names:
            (tmp_path / "photos" / place / name).write_bytes(b"x" * 10)
    for store in ("scans", "secret"):
        (tmp_path / store).mkdir()
        (tmp_path / store / "1.jpg").write_bytes(b"x")
    (tmp_path / "rights").write_text(SECTIONS)
    stores = [word for name in ("photos", "scans", "secret")
              for word in ("--store", f"{name}={tmp_path / name}")]
    return situd(*stores, "--models", null_models(m="sleep 0"), "--engine", "null",
                 "--socket-mode", "0666", "--token-file", tmp_path / "rights")


@pytest.fixture
def callers(daemon):
    names = re.findall(r"\[token (\w+)\]", SECTIONS)
    return {name: Caller(daemon, name) for name in names}


def page(caller, store="photos", status=200, **query):
    r = caller.get(f"/v1/stores/{store}/objects", params=query)
    assert r.status_code == status, r.text
    return r.json()


def keys_of(answer):
    return [entry["key"] for entry in answer["objects"]]


def all_pages(caller, limit, **query):
    """The keys of all pages, and how many files they left out."""
    keys, skipped = [], 0
    while True:
        answer = page(caller, limit=limit, **query)
        keys += keys_of(answer)
        skipped += answer["skipped"]
        if not answer["more"]:
            return keys, skipped
        assert len(answer["objects"]) == limit
        query["after"] = keys[-1]


def refusal(caller, path, status):
    r = caller.get(path)
    assert r.status_code == status, r.text
    return r.json()["error"]


def test_stores_are_listed_that_the_caller_may_know_of(callers):
    def names(who):
        return [store["name"] for store in callers[who].get("/v1/stores").json()["stores"]]

    assert names("anna") == ["photos"]
    assert names("scanner") == ["scans"]
    assert names("keeper") == ["photos", "scans"]
    assert names("root") == ["photos", "scans", "secret"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 1000])
def test_listings_hold_what_the_caller_may_list_in_order(callers, limit):
    assert all_pages(callers["anna"], limit) == (A, 1)
    assert all_pages(callers["bert"], limit) == (["b/1.jpg"], 2)
    assert all_pages(callers["two"], limit) == (A + DEEP, 2)
    assert all_pages(callers["two"], limit, prefix="c/") == (DEEP, 1)
    assert all_pages(callers["two"], limit, prefix="a/2") == (["a/2.jpg"], 0)
    keys, skipped = all_pages(callers["two"], limit, all=1, sizes=1)
    assert keys == [*A, "a/notes.txt", *DEEP, "c/deep/z.txt"] and skipped == 0
    assert all_pages(callers["root"], limit) == (A + ["b/1.jpg", "c/1.jpg"] + DEEP, 4)


def test_prefixes_that_are_hidden_answer_as_those_that_do_not_exist(callers):
    empty = page(callers["anna"], prefix="nothing/")
    assert empty["objects"] == [] and not empty["more"] and empty["skipped"] == 0
    for prefix in ("b/", "b/1.jpg", "c/deep/", "c", "/", "b/../a/"):
        for query in ({}, {"all": 1}, {"unlisted": 1}, {"after": "a"}):
            assert page(callers["anna"], prefix=prefix, **query) == empty, prefix


def test_prefixes_that_are_known_without_the_right_to_list_are_forbidden(callers, daemon):
    assert callers["infers"].get("/v1/stores/photos/objects").status_code == 403
    answers = {prefix: ask_as(daemon, NOBODY, "GET", f"/v1/stores/photos/objects?prefix={prefix}")
               for prefix in ("a/", "b/", "c/", "d/")}
    assert {p: a.status_code for p, a in answers.items()} == {"a/": 200, "b/": 403, "c/": 200,
                                                              "d/": 200}
    assert "do not include 'list'" in answers["b/"].text
    assert keys_of(answers["a/"].json()) == A and answers["c/"].json() == answers["d/"].json()


def test_stores_that_are_hidden_answer_as_those_that_do_not_exist(callers):
    for path in ("/v1/stores/{}/objects", "/v1/stores/{}/objects?prefix=1"):
        hidden = refusal(callers["anna"], path.format("secret"), 404)
        assert hidden.replace("secret", "absent") == \
            refusal(callers["anna"], path.format("absent"), 404)
    for verb in ("detach", "attach"):
        hidden = callers["keeper"].post(f"/v1/stores/secret/{verb}", {})
        absent = callers["keeper"].post(f"/v1/stores/absent/{verb}", {})
        assert hidden.status_code == absent.status_code == 404
        assert hidden.text.replace("secret", "absent") == absent.text


def test_reasons_are_for_who_may_know_of_the_whole_store(callers):
    root = callers["root"]
    assert root.post("/v1/stores/photos/detach", {}).status_code == 200
    assert root.post("/v1/stores/secret/detach", {}).status_code == 200
    store = callers["anna"].get("/v1/stores").json()["stores"][0]
    assert store["state"] == "unavailable" and store["reason"] is None
    degraded = callers["anna"].get("/v1/status").json()["degraded"]
    assert [(d["store"], d["reason"]) for d in degraded] == [("photos", None)]
    degraded = root.get("/v1/status").json()["degraded"]
    assert [d["store"] for d in degraded] == ["photos", "secret"]
    assert all(d["reason"] for d in degraded)
    assert page(callers["anna"], status=503, prefix="a/")["code"] == \
        page(callers["anna"], status=503, prefix="b/")["code"]


OF_ALL = ["lanes_busy", "queue", "objects", "bytes_read", "bytes_sent", "bytes_received"]


def test_figures_of_all_objects_are_for_who_may_know_of_all(callers):
    assert callers["bert"].get("/v1/infer/m/photos/b/1.jpg").status_code in (200, 422)
    status = callers["anna"].get("/v1/status").json()
    whole = callers["root"].get("/v1/status").json()
    assert list(status) == list(whole)
    assert [name for name in status if status[name] is None] == \
        [name for name in whole if name in OF_ALL]
    assert whole["objects"] == 1 and not any(value is None for value in whole.values())


def test_metrics_are_the_same_whatever_others_do(callers):
    """Requests are counted for all; nothing else that two operators see tells of each other."""
    def metrics(who):
        text = callers[who].get("/metrics").text
        return [line for line in text.splitlines() if not line.startswith("#") and
                not line.startswith(("situ_requests_total", "situ_worker", "situ_models_loaded"))]

    before = metrics("anna")
    assert callers["bert"].get("/v1/infer/m/photos/b/1.jpg").status_code in (200, 422)
    r = callers["bert"].post("/v1/jobs", {"model": "m", "select": {"store": "photos", "prefix": "b/"}})
    assert r.status_code == 201, r.text
    assert metrics("anna") == before
    samples = "\n".join(before)
    assert "situ_jobs" not in samples and "cache" not in samples and "secret" not in samples
    assert 'situ_store_available{store="photos"} 1' in samples
    assert 'situ_stores{state="available"} 1' in samples
    samples = "\n".join(metrics("root"))
    assert 'situ_store_available{store="secret"} 1' in samples
    assert 'situ_jobs{' in samples and 'situ_stores{state="available"} 3' in samples


def run_situ(daemon, who, *args):
    token = daemon.directory / f"{who}.token"
    token.write_text(token_of(who) + "\n")
    token.chmod(0o600)
    return subprocess.run([SITU, "--array", daemon.url, "--token-file", token, *args],
                          capture_output=True, text=True, timeout=60)


def test_the_command_shows_a_dash_for_what_is_not_reported(daemon, callers):
    def fields(who):
        out = run_situ(daemon, who, "status")
        assert out.returncode == 0, out.stderr
        return dict(re.findall(r"^(\S+(?: \S+)*) {2,}(.*)$", out.stdout, re.MULTILINE))

    assert callers["root"].post("/v1/stores/photos/detach", {}).status_code == 200
    anna, root = fields("anna"), fields("root")
    assert anna["lanes"].endswith(", - busy") and root["lanes"].endswith(" busy")
    assert anna["waiting"] == anna["so far"] == "-" and root["waiting"] == "0 objects"
    assert root["so far"].startswith("0 objects, 0 B read")
    assert anna["degraded"] == "store photos is unavailable: -"
    assert len(root["degraded"]) > len(anna["degraded"])
    lines = run_situ(daemon, "anna", "store", "list").stdout.splitlines()
    assert len(lines) == 2 and lines[1].split()[0] == "photos" and lines[1].endswith(" -")
    lines = run_situ(daemon, "root", "store", "list").stdout.splitlines()
    assert len(lines) == 4 and not lines[1].endswith("-")


def test_the_command_says_what_the_rights_do_not_include(daemon, callers):
    listed = run_situ(daemon, "two", "object", "list", "photos")
    assert listed.returncode == 0 and listed.stdout.split() == [f"photos/{key}" for key in A + DEEP]
    for who, args, message in (
            ("infers", ("object", "list", "photos/a/"), "needs the right 'list'"),
            ("keeper", ("store", "detach", "photos"), "do not include 'admin' for the whole store"),
            ("anna", ("object", "list", "secret"), "no store 'secret'"),
            ("anna", ("cache", "status"), "the cache is of all stores"),
            ("nobody-we-know", ("store", "list"), "is not one of the array's")):
        out = run_situ(daemon, who, *args)
        assert out.returncode != 0 and message in out.stderr, out.stderr


def test_listing_what_is_hidden_takes_as_long_as_what_is_absent(callers, tmp_path):
    large = tmp_path / "photos" / "b"
    for i in range(3000):
        (large / f"x{i}.txt").touch()
    times = {"b/": [], "q/": []}
    for i in range(600):
        for prefix in sorted(times, reverse=i % 2 == 0):
            begun = time.perf_counter()
            page(callers["anna"], prefix=prefix)
            times[prefix].append(time.perf_counter() - begun)
    hidden, absent = (statistics.median(times[prefix]) for prefix in ("b/", "q/"))
    assert hidden < 1.2 * absent and absent < 1.2 * hidden
