# SPDX-License-Identifier: Apache-2.0
"""Rights over single objects: inference, V2 and thumbnails. What a caller may not know of does not
exist for it, whether it exists or not.
"""

import http.client
import shutil
import statistics
import time

import pytest

from rights import Caller, bearer, token_section

SECTIONS = "\n".join([
    token_section("anna", "infer thumbnails list", "photos/a/"),
    token_section("lister", "list", "photos"),
    # Two sections of one file are two callers; one section with two stores is one.
    token_section("split", "infer thumbnails", "photos/a/ scans/"),
    token_section("root", "admin", "*"),
])


@pytest.fixture
def daemon(tmp_path, situd, drawn, demo_models):
    pictures = sorted(drawn.iterdir())
    for i, place in enumerate(("photos/a", "photos/b", "scans")):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(pictures[i], tmp_path / place / "1.jpg")
    (tmp_path / "rights").write_text(SECTIONS)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--store", f"scans={tmp_path / 'scans'}",
                 "--models", demo_models, "--token-file", tmp_path / "rights")


PATHS = {
    "infer": "/v1/infer/demo/{}",
    "thumbnail": "/v1/thumbnails/{}",
}


def v2(caller, *objects):
    return caller.post("/v2/models/demo/infer", {"inputs": [
        {"name": "image", "shape": [len(objects)], "datatype": "BYTES", "data": list(objects),
         "parameters": {"stored_object": True}}]})


def same(hidden, absent, name, other):
    """Status, headers and text, but for the name that the request had."""
    assert hidden.status_code == absent.status_code == 404
    def bare(answer, name):
        return answer.text.replace(name if len(name) > 1 else f"'{name}'", "NAME")

    assert bare(hidden, name).replace("'NAME'", "NAME") == bare(absent, other).replace("'NAME'", "NAME")
    assert set(hidden.headers) == set(absent.headers)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_an_object_that_is_not_the_callers_does_not_exist(daemon, path):
    anna, root = Caller(daemon, "anna"), Caller(daemon, "root")
    assert anna.get(path.format("photos/a/1.jpg")).status_code == 200
    assert root.get(path.format("photos/b/1.jpg")).status_code == 200  # in the result cache now, too
    absent = anna.get(path.format("photos/a/2.jpg"))
    for hidden in ("photos/b/1.jpg", "photos/b/2.jpg", "photos/1.jpg", "photos/b"):
        name = hidden.split("/", 1)[1]
        for _ in range(2):
            same(anna.get(path.format(hidden)), absent, name, "a/2.jpg")
    # So does its store, which is not even meant by a name like it.
    same(anna.get(path.format("scans/1.jpg")), anna.get(path.format("nowhere/1.jpg")), "scans", "nowhere")
    assert "photos" in anna.get(path.format("photo/1.jpg")).text
    assert "scans" in root.get(path.format("scan/1.jpg")).text
    assert "scans" not in anna.get(path.format("scan/1.jpg")).text.replace("'scan'", "")


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_a_verb_that_is_not_the_callers_is_forbidden(daemon, path):
    lister, split = Caller(daemon, "lister"), Caller(daemon, "split")
    for name in ("photos/a/1.jpg", "photos/a/2.jpg", "nowhere/1.jpg"):
        r = lister.get(path.format(name))  # it has the right nowhere: nothing is looked up
        assert r.status_code == 403 and r.json()["code"] == "forbidden", r.text
    assert split.get(path.format("photos/a/1.jpg")).status_code == 200
    assert split.get(path.format("scans/1.jpg")).status_code == 200
    assert split.get(path.format("photos/b/1.jpg")).status_code == 404


def test_a_right_of_one_section_does_not_work_in_the_stores_of_another(daemon, tmp_path):
    (tmp_path / "rights").write_text(token_section("both", "infer thumbnails", "photos/a/")
                                     + token_section("other", "list", "photos/b/"))
    # A token has one section; users may have several: test_rights_peers.py.
    daemon.stop()
    daemon.start()
    both = Caller(daemon, "both")
    assert both.get("/v1/infer/demo/photos/b/1.jpg").status_code == 404


def test_v2_names_objects_one_by_one(daemon):
    anna, root = Caller(daemon, "anna"), Caller(daemon, "root")
    assert v2(anna, "photos/a/1.jpg").status_code == 200
    assert v2(root, "photos/b/1.jpg").status_code == 200
    same(v2(anna, "photos/b/1.jpg"), v2(anna, "photos/a/2.jpg"), "b/1.jpg", "a/2.jpg")
    same(v2(anna, "photos/a/1.jpg", "photos/b/1.jpg"), v2(anna, "photos/a/1.jpg", "photos/b/2.jpg"),
         "b/1.jpg", "b/2.jpg")
    same(v2(anna, "scans/1.jpg"), v2(anna, "nowhere/1.jpg"), "scans", "nowhere")
    assert v2(Caller(daemon, "lister"), "photos/a/1.jpg").status_code == 403


def test_bytes_in_hand_need_no_store(daemon, drawn):
    picture = sorted(drawn.iterdir())[0].read_bytes()
    headers = {"Content-Type": "application/octet-stream"}
    for name, status in (("anna", 200), ("lister", 403), (None, 401)):
        r = Caller(daemon, name).call("POST", "/v1/infer/demo", data=picture, headers=headers)
        assert r.status_code == status, r.text


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_it_takes_as_long_as_for_an_absent_object(daemon, path):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    names = ("photos/b/1.jpg", "photos/b/2.jpg")

    def ask(name):
        start = time.perf_counter()
        connection.request("GET", path.format(name), headers=bearer("anna"))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404
        return time.perf_counter() - start

    for attempt in range(3):  # what else the machine does falls on one of them more than on the other
        times = {name: [] for name in names}
        for i in range(4000):
            name = names[i % 2]
            times[name].append(ask(name))
        medians = [statistics.median(times[name]) for name in names]
        print(f"hidden {1e6 * medians[0]:.0f} us, absent {1e6 * medians[1]:.0f} us")
        if max(medians) <= 1.1 * min(medians):
            return
    pytest.fail(f"medians {medians}")
