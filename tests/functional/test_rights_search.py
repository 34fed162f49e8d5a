# SPDX-License-Identifier: Apache-2.0
"""Rights over searches, duplicates and indexes: hits are exactly the nearest of what the caller may
search, and nothing tells of the others.

`anna` and `bert` are operators of a prefix of `photos` each, `ed` reads two prefixes, `chief` is an
operator of all of photos, `root` may do all.
"""

import json
import shutil
import subprocess

import pytest

from conftest import SITU

np = pytest.importorskip("numpy")
from indexes import OCTETS, as_lines, exact  # noqa: E402
from rights import Caller, token_of, token_section  # noqa: E402

SECTIONS = "\n".join([
    token_section("anna", "operator", "photos/a/"),
    token_section("bert", "operator", "photos/b/"),
    token_section("ed", "reader", "photos/c/ scans/x/"),
    token_section("chief", "operator", "photos"),
    token_section("lister", "search list", "photos/a/"),
    token_section("root", "admin", "*"),
])

SEEN = {"anna": ["photos/a/"], "bert": ["photos/b/"], "ed": ["photos/c/", "scans/x/"],
        "chief": ["photos/"], "root": [""]}


@pytest.fixture
def rights(tmp_path):
    path = tmp_path / "rights"
    path.write_text(SECTIONS)
    return path


@pytest.fixture
def daemon(tmp_path, situd, null_models, rights):
    """Of imported vectors; no model looks at anything."""
    for place in ("photos/a", "photos/b", "scans"):
        (tmp_path / place).mkdir(parents=True)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--store", f"scans={tmp_path / 'scans'}",
                 "--models", null_models(m="sleep 0"), "--engine", "null", "--token-file", rights)


@pytest.fixture
def feeding(tmp_path, situd, drawn, demo_models, rights):
    """24 pictures each in photos/a/, photos/b/ and photos/c/, and a model that embeds them."""
    pictures = sorted(drawn.iterdir())
    for i, place in enumerate("abc"):
        directory = tmp_path / "photos" / place
        directory.mkdir(parents=True)
        for picture in pictures[24 * i:24 * (i + 1)]:
            shutil.copy(picture, directory)
    (tmp_path / "scans").mkdir()
    return situd("--store", f"photos={tmp_path / 'photos'}", "--store", f"scans={tmp_path / 'scans'}",
                 "--models", demo_models, "--token-file", rights)


def may_see(who, name):
    return any(name.startswith(prefix) for prefix in SEEN[who])


def put(caller, index, objects, rows, status=201):
    r = caller.call("PUT", f"/v1/indexes/{index}/vectors", params={"metric": "dot"},
                    data=as_lines(objects, rows), headers=OCTETS, timeout=300)
    assert r.status_code == status, r.text
    return r


def ask(caller, index, status=200, **query):
    r = caller.post(f"/v1/indexes/{index}/search", query)
    assert r.status_code == status, r.text
    return r.json()


def hits(answer):
    return [(hit["object"], hit["score"]) for hit in answer["hits"]]


def expected(who, objects, rows, query, k, without=None, prefix=""):
    """The k nearest of what one may see: brute force, six digits as in an answer."""
    kept = [i for i, name in enumerate(objects)
            if may_see(who, name) and name != without and name.startswith(prefix)]
    order, scores = exact([objects[i] for i in kept], rows[kept], query, "dot")
    return [(name, float(f"{score:.6g}")) for name, score in zip(order[:k], scores[:k])]


def is_as_absent(answer, name, absent, absent_name):
    """The same status and text, but for the name that was asked for."""
    assert answer.status_code == absent.status_code, answer.text
    assert answer.text.replace(name, absent_name) == absent.text


def names_of(caller):
    r = caller.get("/v1/indexes")
    assert r.status_code == 200, r.text
    return [index["name"] for index in r.json()["indexes"]]


def some_rows(count, seed=3):
    """Rows over all prefixes, on a coarse grid: many scores are equal."""
    random = np.random.default_rng(seed)
    places = ["photos/a/", "photos/b/", "photos/c/", "photos/", "scans/x/", "scans/", "other/"]
    objects = [f"{places[i % len(places)]}{i * 7919 % 10007:05}.jpg" for i in range(count)]
    return objects, random.integers(-3, 4, (count, 12)).astype(np.float32)


def test_hits_are_exactly_the_nearest_that_one_may_search(daemon):
    objects, rows = some_rows(3000)
    put(Caller(daemon, "root"), "mixed", objects, rows)
    queries = np.random.default_rng(4).integers(-3, 4, (5, 12)).astype(np.float32)
    for who in SEEN:
        caller = Caller(daemon, who)
        for k in (1, 10, 300, 1000):
            answer = ask(caller, "mixed", vector=[float(v) for v in queries[0]], k=k)
            assert hits(answer) == expected(who, objects, rows, queries[0], k), (who, k)
        answer = ask(caller, "mixed", vectors=[[float(v) for v in q] for q in queries], k=25)
        for query, result in zip(queries, answer["results"]):
            assert hits(result) == expected(who, objects, rows, query, 25), who
        own = [name for name in objects if may_see(who, name)][7]
        at = objects.index(own)
        assert hits(ask(caller, "mixed", object=own, k=9)) == expected(who, objects, rows, rows[at], 9)
        answer = ask(caller, "mixed", object=own, k=9, self=False)
        assert hits(answer) == expected(who, objects, rows, rows[at], 9, without=own)
        for prefix in ("photos/", "photos/b/00", "scans/x/", "sc", "nothing/"):
            answer = ask(caller, "mixed", vector=[float(v) for v in queries[1]], k=40, prefix=prefix)
            assert hits(answer) == expected(who, objects, rows, queries[1], 40, prefix=prefix)


def test_nothing_of_the_other_among_100_000_rows(daemon):
    """anna may search 1 % of them, bert half."""
    count = 100_000
    random = np.random.default_rng(5)
    rows = random.standard_normal((count, 8)).astype(np.float32)
    objects = [f"photos/{'a' if i % 100 == 0 else 'b' if i % 2 else 'c'}/{i:06}.jpg"
               for i in range(count)]
    twins = [(2 * i + 101, 100 * i) for i in range(50)]
    for bert, anna in twins:  # each of anna's has a twin of bert's
        rows[anna] = rows[bert]
    put(Caller(daemon, "root"), "big", objects, rows)
    for who, seen in (("anna", 1000), ("bert", 50_000), ("root", count)):
        caller = Caller(daemon, who)
        for query in random.standard_normal((3, 8)).astype(np.float32):
            answer = ask(caller, "big", vector=[float(v) for v in query], k=100)
            # The rows are no grid: sums may differ in the last digit.
            want = expected(who, objects, rows, query, 100)
            assert [name for name, _ in hits(answer)] == [name for name, _ in want], who
        lines = caller.lines("/v1/indexes/big/duplicates?min_score=1e9", timeout=300)
        assert lines[-1]["done"] == {"objects": seen, "groups": 0}
    anna = Caller(daemon, "anna")
    answer = ask(anna, "big", object=objects[0], k=1000, status=200)
    assert all(name.startswith("photos/a/") for name, _ in hits(answer))
    assert len(answer["hits"]) == 1000


def test_query_objects_need_the_right_themselves(daemon):
    objects, rows = some_rows(700)
    put(Caller(daemon, "root"), "mixed", objects, rows)
    anna = Caller(daemon, "anna")
    hidden = next(name for name in objects if name.startswith("photos/b/"))
    absent = "photos/b/nosuch.jpg"
    for query in ({}, {"k": 3}):
        answers = [anna.post("/v1/indexes/mixed/search", {"object": name, **query})
                   for name in (hidden, absent)]
        is_as_absent(answers[0], hidden, answers[1], absent)
        answers = [anna.post("/v1/indexes/mixed/search",
                             {"objects": ["photos/a/00000.jpg", name], **query})
                   for name in (hidden, absent)]
        is_as_absent(answers[0], hidden, answers[1], absent)
    unknown = [anna.post("/v1/indexes/mixed/search", {"object": name})
               for name in (next(n for n in objects if n.startswith("scans/x/")), "scam/x/1.jpg")]
    assert {r.status_code for r in unknown} == {404}
    assert "'scans'; `situ" in unknown[0].text and "did you mean" not in unknown[0].text


def test_duplicates_connect_what_one_may_see_only(daemon):
    """a/1 and a/2 are each near b/1, not each other."""
    def turned(degrees):
        return [np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]

    objects = ["photos/a/1", "photos/b/1", "photos/a/2", "photos/b/2", "photos/b/3", "photos/c/9"]
    rows = np.array([turned(0), turned(5), turned(10), turned(90), turned(90), turned(200)],
                    np.float32)
    put(Caller(daemon, "root"), "near", objects, rows)

    def groups(who):
        *lines, last = Caller(daemon, who).lines("/v1/indexes/near/duplicates?min_score=0.99")
        return [[m["object"] for m in line["group"]] for line in lines], last["done"]

    assert groups("anna") == ([], {"objects": 2, "groups": 0})
    assert groups("bert") == ([["photos/b/2", "photos/b/3"]], {"objects": 3, "groups": 1})
    assert groups("ed") == ([], {"objects": 1, "groups": 0})
    assert groups("root") == ([["photos/a/1", "photos/a/2", "photos/b/1"],
                               ["photos/b/2", "photos/b/3"]], {"objects": 6, "groups": 2})


def run_situ(daemon, who, *args):
    return subprocess.run([SITU, "--array", daemon.url, "--token-file", daemon.directory / f"{who}.token",
                           *args], capture_output=True, text=True, timeout=60)


def test_the_command_shows_what_is_not_reported_as_a_dash(daemon):
    objects, rows = some_rows(70)
    put(Caller(daemon, "root"), "mixed", objects, rows)
    for who in ("anna", "root"):
        token = daemon.directory / f"{who}.token"
        token.write_text(token_of(who) + "\n")
        token.chmod(0o600)
    listed = {who: run_situ(daemon, who, "index", "list") for who in ("anna", "root")}
    shown = {who: run_situ(daemon, who, "index", "show", "mixed") for who in ("anna", "root")}
    for out in (*listed.values(), *shown.values()):
        assert out.returncode == 0 and out.stderr == "", out
    assert listed["root"].stdout.splitlines()[1].split()[-5:-2] == ["70", "0", "ready"]
    assert listed["anna"].stdout.splitlines()[1].split()[-4:] == ["-", "-", "ready", "-"]
    fields = [dict(line.split(None, 1) for line in shown[who].stdout.splitlines()
                   if len(line.split(None, 1)) == 2) for who in ("anna", "root")]
    assert (fields[0]["rows"], fields[0]["size"]) == ("-", "-")
    assert fields[1]["rows"] == "70, 0 failed, 0 damaged"
    own = next(name for name in objects if name.startswith("photos/a/"))
    found = run_situ(daemon, "anna", "search", "mixed", own)
    assert found.returncode == 0 and "photos/a/" in found.stdout and "photos/b/" not in found.stdout
    same = run_situ(daemon, "anna", "duplicates", "mixed", "--min-score", "1e9")
    assert same.returncode in (0, 1) and "photos/b/" not in same.stdout, same


COUNTS = ("rows", "failed", "damaged", "job", "bytes", "memory_bytes", "generation")


def test_who_sees_nothing_of_an_index_does_not_learn_of_it(daemon):
    objects, rows = some_rows(70)
    b_only = [i for i, name in enumerate(objects) if name.startswith("photos/b/")]
    put(Caller(daemon, "root"), "berts-index", [objects[i] for i in b_only], rows[b_only])
    put(Caller(daemon, "root"), "mixed", objects, rows)
    assert names_of(Caller(daemon, "anna")) == ["mixed"]
    assert names_of(Caller(daemon, "bert")) == ["berts-index", "mixed"]
    anna = Caller(daemon, "anna")
    asked = [("GET", "", None), ("DELETE", "", None), ("POST", "/rebuild", {"exclude_defaults": True}),
             ("POST", "/search", {"object": "photos/a/1"}), ("GET", "/duplicates", None),
             ("GET", "/vectors", None)]
    for method, path, body in asked:
        for near in ("berts-index", "berts-inde"):
            there = anna.call(method, f"/v1/indexes/{near}{path}", json=body)
            absent = anna.call(method, f"/v1/indexes/nosuch-name{path}", json=body)
            assert there.status_code == 404, there.text
            is_as_absent(there, near, absent, "nosuch-name")
    assert "did you mean 'mixed'" in anna.get("/v1/indexes/mixde").text
    # A name that is taken is: the threat model has it.
    put(anna, "berts-index", ["photos/a/1"], rows[:1], status=409)
    assert names_of(Caller(daemon, "bert")) == ["berts-index", "mixed"]


def test_metrics_name_the_indexes_that_one_may_see(daemon):
    objects, rows = some_rows(70)
    b_only = [i for i, name in enumerate(objects) if name.startswith("photos/b/")]
    put(Caller(daemon, "root"), "berts-index", [objects[i] for i in b_only], rows[b_only])
    put(Caller(daemon, "root"), "mixed", objects, rows)
    for index in ("berts-index", "mixed"):
        ask(Caller(daemon, "bert"), index, vector=[1.0] * 12)
    own = next(name for name in objects if name.startswith("photos/a/"))
    ask(Caller(daemon, "anna"), "mixed", object=own)

    def lines(who):
        text = Caller(daemon, who).get("/metrics").text
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if 'index="' in line}

    of_anna, of_bert, of_root = (lines(who) for who in ("anna", "bert", "root"))
    assert not [name for name in of_anna if "berts" in name or "rows" in name]
    assert of_anna['situ_search_seconds_count{index="mixed"}'] == 2
    assert of_bert['situ_index_rows{index="berts-index"}'] == 10
    assert 'situ_index_rows{index="mixed"}' not in of_bert
    assert of_root['situ_index_rows{index="mixed"}'] == 70
    assert of_root['situ_search_seconds_count{index="berts-index"}'] == 1


def test_parts_of_an_index_are_shown_without_counts_and_not_changed(daemon):
    objects, rows = some_rows(70)
    put(Caller(daemon, "root"), "mixed", objects, rows)
    for who in ("anna", "ed", "chief", "lister"):
        caller = Caller(daemon, who)
        shown = caller.get("/v1/indexes/mixed").json()
        assert all(shown[count] is None for count in COUNTS), shown
        assert caller.get("/v1/indexes").json()["indexes"] == [shown]
        assert caller.get("/v1/indexes/mixed/vectors").status_code == 403
        assert caller.delete("/v1/indexes/mixed").status_code == 403
        assert caller.post("/v1/indexes/mixed/rebuild", {"exclude_defaults": True}).status_code == 403
    assert Caller(daemon, "root").get("/v1/indexes/mixed").json()["rows"] == 70


def test_vectors_come_and_go_with_the_right_for_each_of_them(daemon):
    _, rows = some_rows(3)
    anna, bert = Caller(daemon, "anna"), Caller(daemon, "bert")
    r = put(anna, "one", ["photos/a/1", "photos/b/1"], rows[:2], status=403)
    assert "line 2" in r.text and "photos/b" not in r.text
    put(anna, "one", ["photos/a"], rows[:1], status=403)
    assert names_of(Caller(daemon, "root")) == []
    assert put(anna, "one", ["photos/a/1", "photos/a/2"], rows[:2]).json()["rows"] == 2
    assert anna.get("/v1/indexes/one").json()["rows"] == 2
    assert [line.get("object") for line in anna.lines("/v1/indexes/one/vectors")] == \
        ["photos/a/1", "photos/a/2", None]
    assert names_of(bert) == []
    assert Caller(daemon, "lister").get("/v1/indexes/one/vectors").status_code == 403
    assert anna.delete("/v1/indexes/one").status_code == 204


def create(caller, name, prefix="", status=201, **select):
    r = caller.post("/v1/indexes", {"name": name, "model": "demo-features", "interval_s": 1,
                                    "select": {"store": "photos", "prefix": prefix, **select}})
    assert r.status_code == status, r.text
    return r


def wait_ready(daemon, name, rows):
    root = Caller(daemon, "root")

    def is_ready():
        now = root.get(f"/v1/indexes/{name}").json()
        return now["state"] == "ready" and now["rows"] == rows
    daemon.wait_for(is_ready, f"index {name} to have {rows} rows", 60)


def test_fed_indexes_are_made_and_seen_within_the_rights(feeding, tmp_path):
    anna, bert, chief = (Caller(feeding, who) for who in ("anna", "bert", "chief"))
    refused = [create(anna, "no", prefix, status=403).text for prefix in ("", "b/", "nosuch/", "a")]
    assert len(set(refused)) == 1
    create(Caller(feeding, "ed"), "no", "c/", status=403)
    unknown = [anna.post("/v1/indexes", {"name": "no", "model": "demo-features",
                                         "select": {"store": store}}) for store in ("scans", "nostr")]
    is_as_absent(unknown[0], "scans", unknown[1], "nostr")
    made = create(anna, "annas", "a/").json()
    assert made["job"] and made["rows"] is not None
    create(chief, "whole", exclude=["secret/**"])
    wait_ready(feeding, "annas", 24)
    wait_ready(feeding, "whole", 72)
    assert names_of(bert) == ["whole"] and names_of(anna) == ["annas", "whole"]
    part, whole = (caller.get("/v1/indexes/whole").json() for caller in (anna, chief))
    for count in (*COUNTS, "selected", "skipped"):
        assert part[count] is None and whole[count] is not None, count
    assert "secret" not in json.dumps(part) and "secret" in json.dumps(whole)
    assert {index["name"]: index["rows"] for index in anna.get("/v1/indexes").json()["indexes"]} == \
        {"annas": 24, "whole": None}

    picture = next((tmp_path / "photos/b").iterdir())
    for who, caller in (("anna", anna), ("bert", bert), ("chief", chief)):
        r = caller.call("POST", "/v1/indexes/whole/search", params={"k": 100},
                        data=picture.read_bytes(), headers=OCTETS)
        found = [hit["object"] for hit in r.json()["hits"]]
        assert len(found) == (72 if who == "chief" else 24)
        assert all(may_see(who, name) for name in found)

    # By an object that is in the index, that is in the store only, and that is in neither.
    new = tmp_path / "photos/b/zz-new.png"
    shutil.copy(picture, new)
    absent = anna.post("/v1/indexes/whole/search", {"object": "photos/b/nosuch.png"})
    assert absent.status_code == 404, absent.text
    for name in (f"photos/b/{picture.name}", "photos/b/zz-new.png"):
        r = anna.post("/v1/indexes/whole/search", {"object": name})
        is_as_absent(r, name.split("/", 1)[1], absent, "b/nosuch.png")
        assert bert.post("/v1/indexes/whole/search", {"object": name}).status_code == 200

    for caller in (anna, bert):
        assert caller.delete("/v1/indexes/whole").status_code == 403
        assert caller.post("/v1/indexes/whole/rebuild", {"exclude_defaults": True}).status_code == 403
    assert bert.delete("/v1/indexes/annas").status_code == 404
    assert chief.post("/v1/indexes/annas/rebuild", {"exclude_defaults": True}).status_code == 202
    assert anna.delete("/v1/indexes/annas").status_code in (204, 409)
    assert chief.delete("/v1/indexes/whole").status_code == 204
