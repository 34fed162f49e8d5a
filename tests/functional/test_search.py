# SPDX-License-Identifier: Apache-2.0
"""Indexes and search end to end: a real feature model over pictures, compared with numpy, through changes,
kills and restarts; and imported vectors.

Drawn pictures use the demo's models, photos a part of SqueezeNet that is cut off at run time
(bench/feature_model.py, python3-onnx).
"""

import json
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from conftest import ROOT

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")
from indexes import (as_lines, create, exact, index, names, nearest, search, search_image, send,  # noqa: E402
                     vectors, wait_ready)


@pytest.fixture(scope="session")
def feature_models(tmp_path_factory, corpus):
    """Two packages: `features`, of 96 values or 1,000, and `short`, of a few of them."""
    directory = tmp_path_factory.mktemp("features")
    if not corpus.recorded:
        shutil.copytree(corpus.models / "demo-features", directory / "features")
        shutil.copytree(corpus.models / "demo", directory / "short")
        (directory / "short/situ.json").write_text('{"task": "feature-extraction"}')
        return directory
    for name, more in (("features", []), ("short", ["--channels", "100"])):
        made = subprocess.run([sys.executable, ROOT / "bench/feature_model.py",
                               corpus.models / corpus.model, directory / name, *more],
                              capture_output=True, text=True)
        if made.returncode == 77:
            pytest.skip(made.stdout.strip())
        assert made.returncode == 0, made.stderr
    return directory


@pytest.fixture
def width(corpus):
    """A part of the values of `features`."""
    return 1000 if corpus.recorded else 96


@pytest.fixture
def photos(tmp_path, corpus):
    return shutil.copytree(corpus.photos, tmp_path / "photos")


@pytest.fixture
def one(corpus):
    """A file's name."""
    return corpus.names[40]


@pytest.fixture
def other(corpus):
    """The name of a picture of another kind."""
    return corpus.names[60]


@pytest.fixture
def array(situd, photos, feature_models):
    return situd("--store", f"photos={photos}", "--models", feature_models)


# ---- photos ----

@pytest.mark.photos
def test_the_ten_nearest_photos_are_those_of_numpy(array, photos, width):
    made = create(array)
    assert made["select"] == {"store": "photos", "prefix": "", "glob": None}
    assert made["metric"] == made["distanceMetric"] == "cosine" and len(made["digest"]) == 64
    ready = wait_ready(array, rows=128)
    assert (ready["dimension"], ready["selected"], ready["failed"]) == (width, 128, 0)
    assert ready["damaged"] == 0 and ready["next"] is None and ready["job"]
    objects, rows, done = vectors(array)
    assert done == {"done": {"objects": 128}}
    assert objects == sorted(f"photos/{p.name}" for p in photos.iterdir())
    assert np.allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=1e-6)
    for name, row in zip(objects, rows):
        hits = search(array, object=name)["hits"]
        wanted, scores = exact(objects, rows, row)
        assert names(hits) == wanted[:10], name
        assert np.allclose([h["score"] for h in hits], scores[:10], rtol=1e-5)
        assert np.allclose([h["distance"] for h in hits], np.maximum(0, 1 - scores[:10]), rtol=1e-5, atol=1e-7)
    inferred = array.metrics()['situ_stage_seconds_count{stage="run"}']
    assert inferred == 128, "a stored image that is in the index is not inferred for a search"


@pytest.mark.photos
def test_rows_are_what_the_model_answers(array, photos):
    create(array)
    wait_ready(array, rows=128)
    objects, rows, _ = vectors(array)
    for name, row in list(zip(objects, rows))[::16]:
        answer = array.infer("features", name).json()
        assert np.array_equal(np.array(answer["embedding"], np.float32), row), name


@pytest.mark.photos
def test_an_image_in_hand_finds_the_stored_one(array, photos):
    create(array)
    wait_ready(array, rows=128)
    for photo in sorted(photos.iterdir())[::13]:
        r = search_image(array, photo.read_bytes(), k=3)
        assert r.status_code == 200, r.text
        hits = r.json()["hits"]
        assert len(hits) == 3
        assert hits[0]["object"] == f"photos/{photo.name}" and hits[0]["score"] > 0.999
    r = search_image(array, b"no image")
    assert (r.status_code, r.json()["code"]) == (422, "undecodable")
    assert search_image(array, b"").status_code == 400
    assert search_image(array, photo.read_bytes(), k=0).status_code == 400


def test_what_is_asked_for_is_what_comes(array, photos, one):
    (photos / "sub").mkdir()
    shutil.copy(photos / one, photos / "sub/copy.jpg")
    create(array)
    wait_ready(array, rows=129)
    first, copy = f"photos/{one}", "photos/sub/copy.jpg"
    assert nearest(array, object=first, k=2) == [first, copy]  # equal scores: by name
    assert nearest(array, object=first, topK=1, self=False) == [copy]
    assert nearest(array, object=first, prefix="photos/sub/") == [copy]
    assert nearest(array, object=first, prefix="phot", k=1) == [first]
    assert nearest(array, object=first, prefix="photos/none/") == []
    assert nearest(array, object=first, prefix="photon") == []
    assert nearest(array, object=first, min_score=0.999) == [first, copy]
    many = search(array, objects=[first, copy], k=1, self=False)["results"]
    assert [names(one["hits"]) for one in many] == [[copy], [first]]
    objects, rows, _ = vectors(array)
    pair = [[float(v) for v in rows[i]] for i in (3, 4)]
    many = search(array, vectors=pair, k=1)["results"]
    assert [names(one["hits"]) for one in many] == [[objects[3]], [objects[4]]]
    assert nearest(array, vector=pair[0], k=1) == [objects[3]]
    assert len(nearest(array, object=first, k=1000)) == 129


def test_an_object_that_is_not_in_the_index_is_inferred(array, photos, one):
    (photos / "sub").mkdir()
    shutil.copy(photos / one, photos / "sub/copy.jpg")
    create(array, select={"store": "photos", "glob": "*-*.jpg"})
    wait_ready(array, rows=128)
    assert nearest(array, object="photos/sub/copy.jpg", k=1) == [f"photos/{one}"]
    both = search(array, objects=["photos/sub/copy.jpg", f"photos/{one}"], k=1)
    assert [names(one["hits"]) for one in both["results"]] == [[f"photos/{one}"]] * 2
    assert search(array, object="photos/none.jpg", status=404)["code"] == "not_found"
    assert search(array, object="elsewhere/a.jpg", status=404)["code"] == "not_found"
    failed = search(array, objects=[f"photos/{one}", "photos/none.jpg"], status=404)
    assert "photos/none.jpg" in failed["error"]


def test_the_index_follows_the_store(array, photos, one, other):
    create(array)
    wait_ready(array, rows=128)
    first, second = photos / one, photos / other
    shutil.copy(first, photos / "new.jpg")
    wait_ready(array, rows=129, seconds=20)
    assert nearest(array, object=f"photos/{first.name}", k=2)[1] == "photos/new.jpg"
    shutil.copy(second, photos / "new.jpg")
    array.wait_for(lambda: nearest(array, object=f"photos/{second.name}", k=2)[1] == "photos/new.jpg",
                   "a changed photo to change its row")
    assert "photos/new.jpg" not in nearest(array, object=f"photos/{first.name}", k=2)
    (photos / "new.jpg").unlink()
    wait_ready(array, rows=128, seconds=20)
    assert "photos/new.jpg" not in nearest(array, object=f"photos/{second.name}", k=128)
    (photos / "bad.jpg").write_bytes(b"no image")
    array.wait_for(lambda: index(array)["failed"] == 1, "a broken photo to be counted")
    assert index(array)["rows"] == 128


def test_an_index_outlives_restarts_and_kills(array, photos, one):
    create(array)
    wait_ready(array, rows=128)
    first = f"photos/{one}"
    before = search(array, object=first)
    assert array.stop() == 0
    array.start()
    assert search(array, object=first) == before
    array.kill()
    shutil.copy(photos / one, photos / "new.jpg")
    array.start()
    wait_ready(array, rows=129)
    assert nearest(array, object=first, k=2) == [first, "photos/new.jpg"]


def test_killed_while_it_fills_it_goes_on(array, photos):
    rng = random.Random(4)
    create(array)
    for kill in range(4):
        time.sleep(rng.uniform(0.05, 0.4))
        array.kill()
        array.start()
    wait_ready(array, rows=128)
    objects, rows, _ = vectors(array)
    assert len(objects) == len(set(objects)) == 128
    for name, row in list(zip(objects, rows))[::8]:
        hit = search(array, object=name, k=1)["hits"][0]
        assert hit == {"object": name, "score": 1, "distance": pytest.approx(0, abs=1e-6)}
    assert nearest(array, object=objects[0]) == exact(objects, rows, rows[0])[0][:10]


def test_a_damaged_row_is_told_and_put_again(array, photos):
    create(array, interval_s=3600)
    wait_ready(array, rows=128)
    objects, rows, _ = vectors(array)
    assert array.stop() == 0
    (file,) = (array.directory / "state/indexes/like").glob("*/rows")
    content = bytearray(file.read_bytes())
    at = content.index(rows[40].astype("<f4").tobytes()) + 1234
    content[at] ^= 0x20
    file.write_bytes(content)
    array.start()
    r = search(array, object=objects[40], k=128)  # inferred again: its row is not trusted
    assert r["hits"][0]["object"] == objects[40] or r.get("damaged") == 1, r["hits"][0]
    array.wait_for(lambda: "event=index_row_repaired" in array.log(), "the row to be put again")
    again, repaired, done = vectors(array)
    assert (again, done) == (objects, {"done": {"objects": 128}})
    assert np.array_equal(repaired, rows)
    assert index(array)["damaged"] == 0


@pytest.fixture
def crowded(situd, null_models, tmp_path):
    """An index over 40 pictures, slow models, a single lane."""
    for i in range(40):
        picture = np.random.default_rng(i).integers(0, 255, (8, 8, 3), np.uint8)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / f"photos/{i:02}.png")
    models = null_models(quick="sleep 0", slow="sleep 3000", long="sleep 150")
    (models / "quick/situ.json").write_text('{"task": "feature-extraction"}')
    daemon = situd("--store", f"photos={tmp_path / 'photos'}", "--models", models,
                   "--engine", "null", "--lanes", "1")
    create(daemon, model="quick", interval_s=3600)
    wait_ready(daemon, rows=40)
    return daemon


def damage(daemon, row):
    """Flips a bit of a row under the running daemon; the next search detects it."""
    (path,) = (daemon.directory / "state/indexes/like").glob("*/rows")
    with open(path, "r+b") as file:
        at = file.read().index(vectors(daemon)[1][row].astype("<f4").tobytes()) + 5
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 0x20]))
    assert search(daemon, vector=[1, 1, 1, 1], k=40)["damaged"] == 1


def test_a_damaged_row_is_put_again_whatever_jobs_run(crowded):
    crowded.get("/v1/models/quick")  # loads it
    run = crowded.metrics()['situ_stage_seconds_count{stage="run"}']
    job = crowded.start_job("long", {"store": "photos"}, priority=9, cache=False)
    crowded.wait_for(lambda: crowded.job(job["id"])["results"] > 0, "the job to run")
    damage(crowded, 20)
    crowded.wait_for(lambda: "event=index_row_repaired" in crowded.log(), "the row to be put again",
                     4)
    done = crowded.job(job["id"])
    assert done["state"] == "running", "the row was repaired before the job was over"
    assert index(crowded)["damaged"] == 0
    assert search(crowded, object="photos/20.png", k=40)["hits"][0]["score"] == 1
    crowded.act(job["id"], "cancel")
    run = crowded.metrics()['situ_stage_seconds_count{stage="run"}'] - run
    assert run > done["results"], "a fresh inference, past the result cache"


def test_a_repair_that_waits_for_a_lane_does_not_hold_up_a_removal(crowded):
    for model in ("quick", "slow"):
        crowded.get(f"/v1/models/{model}")  # loads it
    slow = threading.Thread(target=crowded.infer, args=("slow", "photos/00.png"))
    slow.start()
    try:
        crowded.wait_for(lambda: crowded.status()["lanes_busy"] == 1, "the lane to be taken")
        damage(crowded, 20)
        crowded.wait_for(lambda: crowded.status()["queue"] == 1, "the row to wait for the lane")
        began = time.monotonic()
        r = requests.delete(f"{crowded.url}/v1/indexes/like", timeout=30)
        took = time.monotonic() - began
        assert (r.status_code, crowded.status()["lanes_busy"]) == (204, 1)
        assert took < 2, took
        assert crowded.status()["queue"] == 0
    finally:
        slow.join()


def test_another_model_takes_over_when_it_is_complete(array, photos, one):
    create(array)
    wait_ready(array, rows=128)
    old, gone = index(array), threading.Event()
    wrong = []

    def keep_searching():
        while not gone.is_set():
            r = requests.post(f"{array.url}/v1/indexes/like/search", timeout=30,
                              json={"object": f"photos/{one}", "k": 128})
            if r.status_code != 200 or len(r.json()["hits"]) != 128:
                wrong.append(r.text)

    thread = threading.Thread(target=keep_searching)
    thread.start()
    try:
        r = array.post("/v1/indexes/like/rebuild", {"model": "short"})
        assert r.status_code == 202, r.text
        assert r.json()["next"]["model"] == "short" or r.json()["model"] == "short"
        array.wait_for(lambda: index(array)["model"] == "short", "the new model to take over", 60)
    finally:
        gone.set()
        thread.join()
    assert not wrong, wrong[0]
    new = wait_ready(array, rows=128)
    assert (new["dimension"], new["next"]) == (12, None)
    assert new["digest"] != old["digest"] and new["job"] != old["job"]
    objects, rows, _ = vectors(array)
    assert nearest(array, object=objects[5]) == exact(objects, rows, rows[5])[0][:10]
    array.wait_for(lambda: array.get(f"/v1/jobs/{old['job']}").status_code == 404,
                   "the old job to be removed")
    assert array.post("/v1/indexes/like/rebuild", {"model": "nothing"}).status_code == 404
    assert array.post("/v1/indexes/none/rebuild", {"model": "short"}).status_code == 404


def test_an_index_is_removed_whole(array, photos):
    made = create(array)
    wait_ready(array, rows=128)
    assert create(array, status=409)["code"] == "conflict"
    assert [i["name"] for i in array.get("/v1/indexes").json()["indexes"]] == ["like"]
    r = array.session.delete(f"{array.url}/v1/indexes/like")
    assert r.status_code == 204
    assert array.get("/v1/indexes").json() == {"indexes": []}
    assert array.get("/v1/indexes/like").status_code == 404
    assert array.get(f"/v1/jobs/{made['job']}").status_code == 404
    assert search(array, object="photos/a.jpg", status=404)["code"] == "not_found"
    assert array.session.delete(f"{array.url}/v1/indexes/like").status_code == 404
    directory = array.directory / "state/indexes"
    array.wait_for(lambda: not [p for p in directory.iterdir() if p.name != "lock"],
                   "its files to be removed")
    create(array)
    wait_ready(array, rows=128)


def test_a_search_by_name_costs_little_on_the_wire(array, photos, one):
    create(array, interval_s=3600)
    wait_ready(array, rows=128)
    body = json.dumps({"object": f"photos/{one}", "k": 10}).encode()
    request = (b"POST /v1/indexes/like/search HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    before = array.status()
    with socket.create_connection(("127.0.0.1", array.port)) as s:
        s.sendall(request)
        answer = b""
        while not answer.endswith(b"}\n"):
            answer += s.recv(65536)
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["hits"]) == 10
    exchange = len(request) + len(answer)
    after = array.status()  # counts itself, too: at most that much
    told = sum(after[n] - before[n] for n in ("bytes_sent", "bytes_received"))
    assert exchange < 1500, exchange
    assert exchange <= told, (exchange, told)
    stored = sum(p.stat().st_size for p in photos.iterdir())
    assert stored > 1000 * exchange


# ---- what does not fit ----

def test_what_cannot_be_an_index_is_refused(situd, photos, feature_models, demo_models, tmp_path):
    both = shutil.copytree(feature_models, tmp_path / "both")
    shutil.copytree(demo_models / "demo", both / "demo")
    daemon = situd("--store", f"photos={photos}", "--models", both)
    assert "demo" in create(daemon, model="demo", status=422)["error"]
    assert create(daemon, model="none", status=404)["code"] == "not_found"
    assert create(daemon, select={"store": "none"}, status=404)["code"] == "not_found"
    for more in ({"name": "a/b"}, {"name": ".a"}, {"metric": "l2"}, {"interval_s": 0},
                 {"select": {}}, {"select": {"keys": ["a"]}}, {"model": 3}):
        body = {"name": "like", "model": "features", "select": {"store": "photos"}, **more}
        r = daemon.post("/v1/indexes", body)
        assert (r.status_code, r.json()["code"]) == (400, "malformed"), more
    r = send(daemon, "new", as_lines(["a"], np.ones((1, 2))), model="demo")
    assert r.status_code == 422
    assert daemon.get("/v1/indexes").json() == {"indexes": []}


def test_a_search_that_does_not_fit_says_why(array, photos, width):
    create(array)
    wait_ready(array, rows=128)
    wrong = search(array, vector=[1, 2, 3], status=422)
    assert wrong["code"] == "unfit" and str(width) in wrong["error"] and "3" in wrong["error"]
    for query in ({}, {"object": "a", "vector": [1]}, {"object": "photos/a.jpg", "k": 0},
                  {"vectors": [[1], [1, 2]]}, {"vector": ["a"]}):
        assert search(array, status=400, **query)["code"] == "malformed", query
    assert search(array, objects=["a"] * 65, status=413)["code"] == "too_large"
    r = array.session.get(f"{array.url}/v1/indexes/like/search")
    assert r.status_code == 405
    r = requests.post(f"{array.url}/v1/indexes/like/search", data=b"x",
                      headers={"Content-Type": "text/plain"}, timeout=30)
    assert r.status_code == 415


def test_an_index_without_rows_is_not_searched(situd, tmp_path, feature_models):
    (tmp_path / "photos").mkdir()
    daemon = situd("--store", f"photos={tmp_path / 'photos'}", "--models", feature_models)
    create(daemon)
    for path in ("vectors", "duplicates"):
        assert daemon.get(f"/v1/indexes/like/{path}").status_code == 503
    r = daemon.post("/v1/indexes/like/search", {"vector": [1]})
    assert (r.status_code, r.json()["code"]) == (503, "unavailable")
    assert r.headers["Retry-After"] == "1"


# ---- vectors made elsewhere ----

@pytest.fixture
def bare(situd, tmp_path):
    (tmp_path / "photos").mkdir()
    return situd("--store", f"photos={tmp_path / 'photos'}")


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_imported_vectors_are_searched_exactly(bare, metric):
    rng = np.random.default_rng(7)
    objects = [f"s/{i // 100:02}/{i:05}" for i in range(3000)]
    rows = rng.standard_normal((3000, 96)).astype(np.float32)
    rows[1000:1200] = rows[0] + rng.standard_normal((200, 96)).astype(np.float32) * 1e-4
    rows[1200:1210] = rows[0]
    r = send(bare, "made", as_lines(objects, rows), metric=metric)
    assert r.status_code == 201, r.text
    assert r.headers["Location"] == "/v1/indexes/made"
    wanted = {"name": "made", "model": None, "version": None, "select": None, "job": None,
              "metric": metric, "distanceMetric": metric, "rows": 3000, "dimension": 96, "state": "ready"}
    assert {k: r.json()[k] for k in wanted} == wanted
    names_out, stored, done = vectors(bare, "made")
    assert names_out == objects and done == {"done": {"objects": 3000}}
    if metric != "cosine":
        assert np.array_equal(stored, rows)
    for i in [0, 5, 1100, 1205, 2999]:
        query = rows[i].astype(float)
        hits = search(bare, "made", vector=list(query), k=50)["hits"]
        order, scores = exact(objects, stored, rows[i], metric)
        assert names(hits) == order[:50], i
        assert np.allclose([h["score"] for h in hits], scores[:50], rtol=2e-5, atol=1e-6)
    under = [(o, r) for o, r in zip(objects, stored) if o.startswith("s/07/")]
    order, _ = exact([o for o, _ in under], np.array([r for _, r in under]), rows[5], metric)
    assert nearest(bare, "made", vector=list(rows[5].astype(float)), prefix="s/07/") == order[:10]
    assert bare.metrics()['situ_search_seconds_count{index="made"}'] == 6
    assert bare.metrics()['situ_index_rows{index="made"}'] == 3000
    bare.kill()
    bare.start()
    assert nearest(bare, "made", object=objects[9], k=1) == [objects[9]]


@pytest.mark.photos
def test_an_export_is_imported_as_it_is(array, photos, width, one):
    create(array)
    wait_ready(array, rows=128)
    exported = array.get("/v1/indexes/like/vectors").content
    r = send(array, "copy", exported, model="features")
    assert r.status_code == 201, r.text
    assert array.get("/v1/indexes/copy/vectors").content == exported
    first = f"photos/{one}"
    assert search(array, "copy", object=first) == search(array, object=first)
    image = (photos / one).read_bytes()
    assert search_image(array, image, "copy", k=1).json()["hits"][0]["object"] == first
    assert array.post("/v1/indexes/copy/rebuild", {"model": "short"}).status_code == 409
    assert send(array, "alone", exported).status_code == 201
    r = search_image(array, image, "alone")
    assert (r.status_code, r.json()["code"]) == (422, "unfit")
    assert send(array, "misfit", as_lines(["a/b"], np.ones((1, 2))), model="features").ok
    r = search_image(array, image, "misfit")
    assert r.status_code == 422 and "2" in r.json()["error"] and str(width) in r.json()["error"]


def test_an_import_names_the_line_that_is_wrong(bare):
    good = as_lines(["a/1", "a/2"], np.ones((2, 3)))
    for bad, word in ((b'{"object":"a/3","embedding":[1,2]}\n', "2 values"),
                      (b'{"object":"a/3"}\n', ""), (b'{"embedding":[1,2,3]}\n', ""),
                      (b"[]\n", ""), (b"nonsense\n", ""), (b'{"object":"","embedding":[1,2,3]}', ""),
                      (b'{"object":"a/3","embedding":[1,2,null]}\n', ""),
                      (b'{"object":"a/3","embedding":[1,2,1e39]}\n', ""),
                      (b'{"object":"a/3","embedding":"AAAA"}\n', ""),
                      (b'{"object":"a/3","embedding":[' + b"1," * 200000 + b"1]}\n", "longer")):
        r = send(bare, "new", good + bad + good)
        assert (r.status_code, r.json()["code"]) == (400, "malformed"), (bad[:60], r.text)
        assert "line 3" in r.json()["error"] and word in r.json()["error"], (bad[:60], r.text)
        assert bare.get("/v1/indexes/new").status_code == 404
    assert send(bare, "new", b"").status_code == 400
    assert send(bare, "new", good, metric="l2").status_code == 400
    assert send(bare, ".new", good).status_code == 400
    assert send(bare, "new", good, model="none").status_code == 404
    r = send(bare, "new", b"\n" + good + as_lines(["a/1"], -np.ones((1, 3)), numbers=True).rstrip())
    assert r.status_code == 201, r.text  # empty lines, numbers, no last line feed
    assert r.json()["rows"] == 2
    assert nearest(bare, "new", vector=[-1, -1, -1], k=1) == ["a/1"], "the last of a name counts"
    assert send(bare, "new", good).status_code == 409


def test_the_words_of_s3_vectors_are_understood(bare):
    rows = np.array([[1, 0], [0, 2], [3, 3]], np.float32)
    names_in = ["a/1", "a/2", "a/3"]
    r = send(bare, "far", as_lines(names_in, rows), distanceMetric="euclidean")
    assert (r.status_code, r.json()["distanceMetric"]) == (201, "euclidean"), r.text
    hits = search(bare, "far", queryVector={"float32": [0, 1]}, topK=2)["hits"]
    assert hits == search(bare, "far", vector=[0, 1], k=2)["hits"]
    assert [(h["object"], h["distance"]) for h in hits] == [("a/2", 1), ("a/1", 1.41421)]
    for wrong in ([0, 1], {}, {"float64": [0, 1]}, {"float32": "AAAA"}):
        assert search(bare, "far", queryVector=wrong, status=400)["code"] == "malformed"
    r = send(bare, "new", as_lines(names_in, rows), distanceMetric="euclidean", metric="cosine")
    assert (r.status_code, r.json()["code"]) == (400, "malformed")


def test_an_import_that_is_cut_off_leaves_nothing(situd, tmp_path):
    (tmp_path / "photos").mkdir()
    bare = situd("--store", f"photos={tmp_path / 'photos'}", "--body-seconds", "1")
    lines = as_lines([f"a/{i}" for i in range(2000)], np.ones((2000, 64)))
    with socket.create_connection(("127.0.0.1", bare.port)) as s:
        s.sendall(b"PUT /v1/indexes/cut/vectors HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                  % (len(lines) + 100) + lines)
    bare.wait_for(lambda: bare.status()["connections"] <= 1, "the connection to be closed")
    assert bare.get("/v1/indexes").json() == {"indexes": []}
    assert send(bare, "cut", lines).status_code == 201


def test_rows_that_cannot_be_read_are_told_whichever_way_they_are_missed(bare, situ_cli, tmp_path):
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((300, 32)).astype(np.float32)
    rows[200:] = rows[:100]
    objects = [f"s/{i:03}" for i in range(300)]
    assert send(bare, "made", as_lines(objects, rows)).status_code == 201
    stored = vectors(bare, "made")[1]
    (path,) = (bare.directory / "state/indexes/made").glob("*/rows")
    content = bytearray(path.read_bytes())
    for i in (7, 150):
        content[content.index(stored[i].tobytes()) + 9] ^= 1
    path.write_bytes(content)
    left = [o for i, o in enumerate(objects) if i not in (7, 150)]
    names_out, _, done = vectors(bare, "made")
    assert names_out == left and done == {"done": {"objects": 298, "damaged": 2}}
    told = situ_cli(bare, "index", "export", "made", tmp_path / "made.npy")
    assert told.returncode == 1
    assert "298 rows" in told.stderr and "2 rows of the index cannot be read" in told.stderr
    assert np.load(tmp_path / "made.npy").shape == (298, 32)
    assert (tmp_path / "made.names").read_text().split() == left
    groups, done = groups_of(bare, "made")
    assert done == {"objects": 298, "groups": 99, "damaged": 2} and len(groups) == 99
    told = situ_cli(bare, "duplicates", "made", "--format", "jsonl")
    assert told.returncode == 1 and len(told.stdout.splitlines()) == 99
    assert "2 rows of the index cannot be read" in told.stderr


# ---- duplicates ----

def groups_of(daemon, name, **query):
    r = daemon.get(f"/v1/indexes/{name}/duplicates", params=query)
    assert r.status_code == 200, r.text
    lines = [json.loads(line) for line in r.text.splitlines()]
    assert "done" in lines[-1]
    return [line["group"] for line in lines if "group" in line], lines[-1]["done"]


def components(objects, rows, min_score):
    """The same with numpy: groups of names, by the first."""
    unit = rows.astype(np.float64)
    near = unit @ unit.T >= min_score
    groups, seen = [], set()
    for i in range(len(objects)):
        if i in seen:
            continue
        members, todo = {i}, [i]
        while todo:
            new = set(np.nonzero(near[todo.pop()])[0]) - members
            members |= new
            todo += new
        seen |= members
        if len(members) > 1:
            groups.append(sorted(objects[m] for m in members))
    return sorted(groups)


def test_duplicates_are_the_groups_of_numpy(bare):
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((1500, 48)).astype(np.float32)
    for i in range(100):  # copies, near copies, and chains of them
        rows[500 + i] = rows[i % 20]
        rows[600 + i] = rows[i % 20] + rng.standard_normal(48).astype(np.float32) * 0.05
    for i in range(1, 60):
        rows[800 + i] = rows[800 + i - 1] + rng.standard_normal(48).astype(np.float32) * 0.12
    rows[1000:1300] = rows[999]
    order = rng.permutation(1500)
    objects = [f"s/{i:05}" for i in order]
    assert send(bare, "made", as_lines(objects, rows)).status_code == 201
    objects, stored, _ = vectors(bare, "made")
    for min_score in (0.98, 0.9):
        groups, done = groups_of(bare, "made", min_score=min_score)
        wanted = components(objects, stored, min_score)
        assert [[m["object"] for m in g] for g in groups] == wanted
        assert done == {"objects": 1500, "groups": len(wanted)}
        for group in groups:
            rows_of = stored[[objects.index(m["object"]) for m in group]].astype(np.float64)
            scores = rows_of @ rows_of[0] / np.linalg.norm(rows_of[0])
            assert np.allclose([m["score"] for m in group], scores, rtol=1e-5)
    assert len(groups_of(bare, "made")[0]) == len(components(objects, stored, 0.98))
    r = bare.get("/v1/indexes/made/duplicates?min_score=x")
    assert r.status_code == 400


@pytest.mark.photos
def test_copies_among_photos_are_found(array, photos, one):
    shutil.copy(photos / one, photos / "again.jpg")
    create(array)
    wait_ready(array, rows=129)
    groups, done = groups_of(array, "like", min_score=0.99999, progress=1)
    assert [[m["object"] for m in g] for g in groups] == [
        ["photos/again.jpg", f"photos/{one}"]]
    assert done["objects"] == 129


def test_streams_end_when_their_client_leaves(bare):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((20000, 128)).astype(np.float32)
    assert send(bare, "made", as_lines([f"s/{i:06}" for i in range(20000)], rows)).status_code == 201
    for path in ("vectors", "duplicates?progress=1"):
        for _ in range(4):
            with requests.get(f"{bare.url}/v1/indexes/made/{path}", stream=True, timeout=30) as r:
                assert r.status_code == 200, r.text
                next(r.iter_content(1)) if path == "vectors" else time.sleep(0.05)
            bare.wait_for(lambda: bare.status()["connections"] <= 1, "the stream to end")
    r = bare.session.delete(f"{bare.url}/v1/indexes/made")
    assert r.status_code == 204
    directory = bare.directory / "state/indexes"
    bare.wait_for(lambda: not [p for p in directory.iterdir() if p.name != "lock"],
                  "the files to be let go of")


def test_many_searches_at_once_are_all_answered(bare):
    rng = np.random.default_rng(2)
    objects = [f"s/{i:05}" for i in range(5000)]
    rows = rng.standard_normal((5000, 64)).astype(np.float32)
    assert send(bare, "made", as_lines(objects, rows)).status_code == 201
    wrong = []

    def ask(seed):
        pick = random.Random(seed)
        session = requests.Session()
        for _ in range(40):
            i = pick.randrange(5000)
            r = session.post(f"{bare.url}/v1/indexes/made/search",
                             json={"object": objects[i], "k": 1}, timeout=30)
            if r.status_code != 200 or r.json()["hits"][0]["object"] != objects[i]:
                wrong.append(r.text)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]
    assert bare.metrics()['situ_search_seconds_count{index="made"}'] == 320
