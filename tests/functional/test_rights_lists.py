# SPDX-License-Identifier: Apache-2.0
"""Lists of objects and of stores, figures and the cache: what they show to callers with rights for a
part. Stores are detached by who has all of one.

Pictures lie in photos/a/, photos/b/ and in the store `scans`.
"""

import json

import pytest

from conftest import Daemon, grey_png
from rights import Caller, token_section

PICTURES = 5

SECTIONS = {
    "anna": token_section("anna", "operator", "photos/a/"),
    "viewer": token_section("viewer", "thumbnails search", "photos/a/"),
    "mixed": token_section("mixed", "infer list metrics", "photos/b/ photos/a/2/"),
    "chief": token_section("chief", "admin", "photos"),
    "part": token_section("part", "admin", "photos/a/"),
    "all": token_section("all", "admin", "*"),
    "monitor": token_section("monitor", "metrics", "*"),
    "blind": token_section("blind", "metrics"),
    "clerk": token_section("clerk", "results list", "*"),
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    top = tmp_path_factory.mktemp("routes")
    for i in range(PICTURES):
        grey_png(top / f"photos/a/{i}.png", 10 + i)
        grey_png(top / f"photos/a/2/{i}.png", 20 + i)
        grey_png(top / f"photos/b/{i}.png", 30 + i)
        grey_png(top / f"scans/{i}.png", 40 + i)
    (top / "photos/b/note.txt").write_text("x")
    package = top / "models/m"
    package.mkdir(parents=True)
    (package / "model.onnx").write_text("sleep 0")
    (package / "config.json").write_text(json.dumps({
        "architectures": ["NullForImageClassification"], "model_type": "null",
        "id2label": {str(i): f"quarter {i}" for i in range(4)}}))
    (package / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 8, "width": 8},
        "resample": 0, "do_rescale": False, "do_normalize": False}))
    (top / "rights").write_text("\n".join(SECTIONS.values()))
    (top / "situd").mkdir()
    daemon = Daemon(top / "situd", ["--store", f"photos={top / 'photos'}", "--store", f"scans={top / 'scans'}",
                                    "--models", top / "models", "--engine", "null", "--token-file",
                                    top / "rights"])
    yield daemon
    assert daemon.stop() == 0


def listed(caller, store="photos", **query):
    keys, after = [], ""
    while True:
        r = caller.get(f"/v1/stores/{store}/objects", params={**query, "after": after})
        assert r.status_code == 200, r.text
        page = r.json()
        keys += [entry["key"] for entry in page["objects"]]
        if not page["more"]:
            return keys
        after = keys[-1]


def test_lists_have_what_the_caller_may_list_in_pages(daemon):
    everything = listed(Caller(daemon, "all"))
    assert len(everything) == 3 * PICTURES
    assert listed(Caller(daemon, "anna")) == [key for key in everything if key.startswith("a/")]
    mixed = [key for key in everything if key.startswith(("a/2/", "b/"))]
    for limit in (1, 2, 3, PICTURES, PICTURES + 1, 1000):
        assert listed(Caller(daemon, "mixed"), limit=limit) == mixed, limit
        assert listed(Caller(daemon, "all"), limit=limit) == everything, limit
    assert listed(Caller(daemon, "mixed"), prefix="a/") == [key for key in mixed if key.startswith("a/")]
    assert listed(Caller(daemon, "mixed"), prefix="b/1") == ["b/1.png"]
    anna = Caller(daemon, "anna")
    nothing = anna.get("/v1/stores/photos/objects", params={"prefix": "b/"})
    empty = anna.get("/v1/stores/photos/objects", params={"prefix": "c/"})
    assert nothing.json() == empty.json() and nothing.json()["objects"] == []
    assert anna.get("/v1/stores/photos/objects").json()["skipped"] == 0  # b/note.txt is another's
    assert Caller(daemon, "mixed").get("/v1/stores/photos/objects?prefix=b/").json()["skipped"] == 1
    assert Caller(daemon, "viewer").get("/v1/stores/photos/objects").status_code == 403
    r, s = (anna.get(f"/v1/stores/{store}/objects") for store in ("scans", "scamp"))
    assert r.status_code == s.status_code == 404 and r.text.replace("scans", "scamp") == s.text


def test_stores_are_listed_to_who_may_know_them(daemon):
    def names(caller):
        return [store["name"] for store in Caller(daemon, caller).get("/v1/stores").json()["stores"]]
    assert names("all") == ["photos", "scans"]
    for caller in ("anna", "viewer", "mixed", "chief"):
        assert names(caller) == ["photos"], caller


def test_a_store_is_detached_by_who_has_all_of_it(daemon):
    for caller, store, status in (("anna", "photos", 403), ("part", "photos", 403), ("chief", "scans", 404),
                                  ("part", "scans", 404), ("chief", "photos", 200)):
        r = Caller(daemon, caller).post(f"/v1/stores/{store}/attach", {})
        assert r.status_code == status, (caller, store, r.text)


def test_the_cache_is_for_who_has_the_results_of_all_stores(daemon):
    for caller, show, clear in (("anna", 403, 403), ("part", 403, 403), ("all", 200, 204), ("clerk", 200, 204)):
        assert Caller(daemon, caller).get("/v1/cache").status_code == show, caller
        assert Caller(daemon, caller).delete("/v1/cache").status_code == clear, caller


def test_metrics_name_no_store_and_index_of_others(daemon):
    boss = Caller(daemon, "all")
    for name, prefix in (("of-a", "a/"), ("of-b", "b/")):
        rows = "".join(json.dumps({"object": f"photos/{prefix}{i}.png", "embedding": [1, i]}) + "\n" for i in range(3))
        r = boss.call("PUT", f"/v1/indexes/{name}/vectors", data=rows,
                      headers={"Content-Type": "application/octet-stream"})
        assert r.status_code == 201, r.text
        assert boss.post(f"/v1/indexes/{name}/search", {"vector": [1, 0]}).status_code == 200
    for caller, has, lacks in (("all", "photos scans of-a of-b", ""), ("monitor", "photos scans", "of-a of-b"),
                               ("anna", "photos of-a", "scans of-b"), ("blind", "", "photos scans of-a of-b")):
        text = Caller(daemon, caller).get("/metrics").text
        assert ("situ_jobs{" in text) == (caller in ("all", "monitor")), caller
        assert [word for word in has.split() if f'="{word}"' not in text] == [], caller
        assert [word for word in lacks.split() if word in text] == [], caller
