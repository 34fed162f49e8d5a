# SPDX-License-Identifier: Apache-2.0
"""Indexes during changes: rows arrive at a rate, objects are changed and removed under kills, a model gets
a second version, many rows are searched on several threads. The null engine's embeddings are the means of a
picture's quarters, so that hundreds of pictures cost nothing.
"""

import io
import json
import random
import tarfile
import threading
import time

import pytest
import requests

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")
from indexes import create, exact, index, names, search, vectors, wait_ready  # noqa: E402

QUERY = [0.7, 0.1, -0.4, 0.3]


# ---- pictures, and models of them ----

def picture(number):
    """The bytes of a PNG whose quarters differ from those of any other number."""
    values = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    values[2 * (number % 4):, :, number % 3] //= 4
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def feature_package(directory, text, **preprocess):
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_text(text)
    (directory / "config.json").write_text(json.dumps({"model_type": "null"}))
    (directory / "situ.json").write_text('{"task": "feature-extraction"}')
    (directory / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True,
        "size": {"height": 8, "width": 8}, "resample": 0, "do_rescale": False,
        "do_normalize": False, **preprocess}))
    return directory


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:05}.png").write_bytes(picture(i))
    time.sleep(0.1)  # all are older than the resolution of time stamps
    return folder


@pytest.fixture
def array(situd, tmp_path, photos):
    feature_package(tmp_path / "models/features", "sleep 0")
    return situd("--store", f"photos={photos}", "--models", tmp_path / "models", "--engine", "null")


def hits_of(daemon, name="like", **query):
    """As a dictionary; each name occurs once."""
    hits = search(daemon, name, **query)["hits"]
    assert len(set(names(hits))) == len(hits)
    assert [h["score"] for h in hits] == sorted((h["score"] for h in hits), reverse=True)
    return {h["object"]: h["score"] for h in hits}


def stored(folder):
    return {f"photos/{p.name}" for p in folder.iterdir()}


# ---- rows that come and go ----

class Pace(threading.Thread):
    """Adds pictures to a store at a fixed rate, or slower on a loaded machine."""

    def __init__(self, folder, count, rate):
        super().__init__()
        self.pictures = [picture(1000 + i) for i in range(count)]
        self.folder, self.count, self.rate, self.late = folder, count, rate, 0

    def run(self):
        start = time.monotonic()
        for i, content in enumerate(self.pictures):
            self.late = time.monotonic() - start - i / self.rate
            time.sleep(max(0, -self.late))
            (self.folder / f"new-{i:05}.png").write_bytes(content)
        self.late = 0

    def wait_while_late(self):
        """A searching thread of this process leaves it time to write."""
        while self.late > 0.1:
            time.sleep(0.01)


def test_answers_are_exact_while_200_rows_a_second_come(array, photos):
    create(array)
    wait_ready(array, rows=60)
    pace = Pace(photos, 900, 250)
    rng = np.random.default_rng(8)
    seen = []  # (query, all rows before, the answer, all rows after)
    pace.start()
    sizes = set()  # one for each commit before a search
    while pace.is_alive() or len(seen) < 30 or (len(sizes) < 3 and len(seen) < 3000):
        pace.wait_while_late()
        query = [float(v) for v in rng.standard_normal(4)]
        before = set(hits_of(array, vector=QUERY, k=1000))
        answer = hits_of(array, vector=query, k=10)
        seen.append((np.array(query, np.float32), before, answer,
                     set(hits_of(array, vector=QUERY, k=1000))))
        sizes.add(len(before))
    pace.join()
    wait_ready(array, rows=960)
    objects, rows, _ = vectors(array)
    assert set(objects) == stored(photos)
    for query, before, answer, after in seen:
        order, scores = exact(objects, rows, query)
        score = dict(zip(order, scores))
        assert set(answer) <= after
        for name, told in answer.items():
            assert told == pytest.approx(score[name], rel=1e-5, abs=1e-6), name
        worst = min(score[name] for name in answer)
        assert len(answer) == 10
        left_out = [o for o in before if o not in answer and score[o] > worst]
        assert not left_out, "committed rows that are nearer"
    assert len(sizes) >= 3, "searches came between commits"


def change(folder, rng, removed, number):
    """Adds, changes or removes some pictures."""
    for _ in range(rng.randrange(1, 12)):
        what, there = rng.random(), sorted(folder.iterdir())
        number += 1
        if what < 0.4 or len(there) < 30:
            path = folder / f"{rng.randrange(200):05}.png"
        else:
            path = rng.choice(there)
        if what < 0.7 or len(there) < 30:
            path.write_bytes(picture(number))
            removed.discard(f"photos/{path.name}")
        else:
            path.unlink()
            removed.add(f"photos/{path.name}")
    return number


def check_rows(array, folder, removed):
    """Every picture is found by the vector of its current content; nothing else is there."""
    there = stored(folder)
    found = hits_of(array, vector=QUERY, k=1000)
    assert not removed & set(found)
    assert set(found) == there
    objects, rows, done = vectors(array)
    assert set(objects) == there and done == {"done": {"objects": len(there)}}
    for name, row in list(zip(objects, rows))[::7]:
        answer = array.infer("features", name).json()["embedding"]
        assert np.array_equal(np.array(answer, np.float32), row), name
        hits = search(array, vector=[float(v) for v in row], k=1000)["hits"]
        assert hits[0]["score"] == 1 and name in {h["object"] for h in hits if h["score"] == 1}
        assert len(hits) == len(there)


def test_no_kill_loses_a_change_or_brings_a_removed_object_back(array, photos):
    rng, removed, number = random.Random(6), set(), 5000
    create(array, interval_s=1)
    wait_ready(array, rows=60)
    for kill in range(8):
        number = change(photos, rng, removed, number)
        time.sleep(rng.uniform(0, 0.5))  # the changes may be seen, inferred, committed, or not yet
        array.kill()
        if kill % 2:
            number = change(photos, rng, removed, number)
        array.start()
        array.wait_for(lambda: set(hits_of(array, vector=QUERY, k=1000)) == stored(photos),
                       "the index to be as the store is")
        wait_same(array, photos)
        check_rows(array, photos, removed)
        array.kill()
        array.start()  # what was committed is there at once, before any pass
        found = set(hits_of(array, vector=QUERY, k=1000))
        assert found == stored(photos) and not removed & found
    assert len(removed) > 10


def wait_same(array, folder):
    """Changed pictures have their new rows."""
    def are_same():
        objects, rows, _ = vectors(array)
        return all(np.array_equal(np.array(array.infer("features", o).json()["embedding"], np.float32),
                                  row) for o, row in zip(objects, rows))
    array.wait_for(are_same, "changed pictures to change their rows")


# ---- models ----

def test_a_second_index_over_the_same_model_infers_nothing(array, photos):
    create(array, "one")
    wait_ready(array, "one", rows=60)
    time.sleep(0.2)  # earlier results are in the result cache
    before = array.metrics()
    create(array, "two")
    create(array, "part", select={"store": "photos", "prefix": "0000"}, metric="euclidean")
    wait_ready(array, "two", rows=60)
    wait_ready(array, "part", rows=10)
    after = array.metrics()
    for count in ('situ_stage_seconds_count{stage="run"}', "situ_objects_read_total"):
        assert before[count] == 60 and after[count] == 60, count
    objects, rows, _ = vectors(array, "one")
    same, copies, _ = vectors(array, "two")
    assert same == objects and np.array_equal(copies, rows)
    part, copies, _ = vectors(array, "part")
    assert part == objects[:10] and np.array_equal(copies, rows[:10])


def add_version(daemon, directory, text, **preprocess):
    package = feature_package(directory, text, **preprocess)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in sorted(package.iterdir()):
            tar.add(path, path.name)
    r = daemon.session.put(f"{daemon.url}/v1/models/like", data=out.getvalue(), timeout=60,
                           headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201, r.text
    return r.json()["version"]


def embedding(daemon, name, version):
    return daemon.infer("like", name, version=version).json()["embedding"]


def test_a_second_version_is_built_beside_the_first_and_swapped_in_whole(situd, tmp_path, photos,
                                                                         situ_cli):
    array = situd("--store", f"photos={photos}", "--engine", "null")
    assert add_version(array, tmp_path / "v1", "sleep 0") == "1"
    create(array, model="like")
    first = wait_ready(array, rows=60)
    assert (first["model"], first["version"]) == ("like", "1")
    assert add_version(array, tmp_path / "v2", "sleep 40", do_normalize=True,
                       image_mean=[100, 20, 0], image_std=[1, 1, 1]) == "2"
    time.sleep(0.5)
    now = index(array)
    assert (now["version"], now["next"]) == ("1", None), "by itself it stays with its version"
    of = {v: np.array([embedding(array, o, v) for o in sorted(stored(photos))], np.float32)
          for v in ("1", "2")}
    array.session.delete(f"{array.url}/v1/cache")  # otherwise the second one is nearly free
    wanted = {v: exact(sorted(stored(photos)), rows, np.array(QUERY, np.float32))[0]
              for v, rows in of.items()}
    assert wanted["1"] != wanted["2"]
    answers, beside, gone = [], [], threading.Event()

    def keep_searching():
        session = requests.Session()
        while not gone.is_set():
            r = session.post(f"{array.url}/v1/indexes/like/search", timeout=30,
                             json={"vector": QUERY, "k": 1000})
            answers.append(names(r.json()["hits"]) if r.status_code == 200 else r.text)
            state = session.get(f"{array.url}/v1/indexes/like", timeout=30).json()
            beside.append((state["version"], (state["next"] or {}).get("version"), len(answers)))

    thread = threading.Thread(target=keep_searching)
    thread.start()
    try:
        done = situ_cli(array, "index", "rebuild", "like", "--model", "like@2", "--wait")
        assert done.returncode == 0, done.stderr
        array.wait_for(lambda: index(array)["version"] == "2", "the new version to take over")
        time.sleep(0.2)
    finally:
        gone.set()
        thread.join()
    swap = next(i for i, names_now in enumerate(answers) if names_now != wanted["1"])
    assert all(a == wanted["1"] for a in answers[:swap])
    assert all(a == wanted["2"] for a in answers[swap:]), "no answer mixes the two"
    while_built = [n for version, following, n in beside if (version, following) == ("1", "2")]
    assert len(while_built) > 3 and while_built[-1] <= swap + 1
    last = wait_ready(array, rows=60)
    assert (last["version"], last["next"], last["reason"]) == ("2", None, None)
    assert last["digest"] != first["digest"]
    objects, rows, _ = vectors(array)
    assert objects == sorted(stored(photos)) and np.array_equal(rows, of["2"])


# ---- many rows ----

def test_a_hundred_thousand_vectors_from_numpy_are_searched_as_numpy_does(situd, tmp_path, situ_cli):
    """Above that number a search borrows other threads."""
    (tmp_path / "empty").mkdir()
    daemon = situd("--store", f"s={tmp_path / 'empty'}")
    rng = np.random.default_rng(12)
    rows = rng.standard_normal((120_000, 12)).astype(np.float32)
    rows[5000:10_000] = rows[1] + rng.standard_normal((5000, 12)).astype(np.float32) * 1e-4
    objects = [f"s/{i:06}" for i in range(len(rows))]
    np.save(tmp_path / "made.npy", rows)
    (tmp_path / "made.names").write_text("".join(f"{o}\n" for o in objects))
    done = situ_cli(daemon, "index", "import", "made", tmp_path / "made.npy", "--metric", "dot")
    assert done.returncode == 0, done.stderr
    assert index(daemon, "made")["rows"] == 120_000
    queries = rng.standard_normal((20, 12)).astype(np.float32)
    queries[0], queries[1] = rows[1], rows[7000]
    many = search(daemon, "made", vectors=[[float(v) for v in q] for q in queries])["results"]
    wide = rows.astype(np.float64)
    for query, together in zip(queries, many):
        alone = search(daemon, "made", vector=[float(v) for v in query])
        assert alone == together
        scores = wide @ query.astype(np.float64)
        best = np.argsort(-scores, kind="stable")[:10]
        assert names(alone["hits"]) == [objects[i] for i in best]
        assert np.allclose([h["score"] for h in alone["hits"]], scores[best], rtol=1e-5)
