# SPDX-License-Identifier: Apache-2.0
"""Jobs as clients see them: created, followed, paused, resumed after any interruption, and many of them
together.

The null engine's models sleep for some milliseconds for each object, and crash or hang at a value.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import socket
import threading
import time

import pytest
import requests
from conftest import add_package, grey_png

NAMES = [f"{v:02}.png" for v in range(20)]
FULL_NAMES = [f"photos/{n}" for n in NAMES]
STOP_SECONDS = 14  # LIMIT_STOP_MS, and more on a loaded machine


@pytest.fixture
def photos(tmp_path):
    """Twenty grey pictures, values 0 to 19."""
    for value in range(20):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    return tmp_path / "photos"


def null(situd, photos, models, *args, cache=False):
    return situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                 *([] if cache else ["--cache-size", "0"]), *args)


def add(daemon, package, name):
    r = add_package(daemon, package, name)
    assert r.status_code == 201, r.text


def objects(lines):
    return [line["object"] for line in lines]


def send_list(daemon, names, **query):
    data = names if isinstance(names, bytes) else "".join(f"{n}\n" for n in names).encode()
    return requests.post(f"{daemon.url}/v1/jobs", params=query, data=data, timeout=60,
                         headers={"Content-Type": "application/octet-stream"})


class Follower(threading.Thread):
    """Reads a job's results until the stream ends, and records how it ended."""

    def __init__(self, daemon, id, **query):
        super().__init__(daemon=True)
        self.url, self.query = f"{daemon.url}/v1/jobs/{id}/results", query
        self.lines, self.status, self.cut = [], None, False
        self.start()

    def run(self):
        try:
            with requests.get(self.url, params=self.query, stream=True, timeout=60) as r:
                self.status = r.status_code
                for line in r.iter_lines():
                    if line:
                        self.lines.append(json.loads(line))
        except requests.RequestException:
            self.cut = True

    def result_lines(self):
        return [line for line in self.lines if "object" in line]

    def ended(self, seconds=30):
        self.join(seconds)
        assert not self.is_alive(), "the stream did not end"
        return self


# ---- a job and its results ----

def test_a_job_tells_what_it_is_and_what_came_out(situd, photos, null_models):
    (photos / "notes.txt").write_text("no image")
    (photos / "broken.png").write_text("no image either")
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    r = daemon.post("/v1/jobs", {"model": "quick@1", "select": {"store": "photos"}, "top": 2,
                                 "output": {"labels": False}, "priority": 7, "max_failures": 9})
    assert r.status_code == 201, r.text
    job = r.json()
    assert r.headers["Location"] == f"/v1/jobs/{job['id']}"
    wanted = {"model": "quick", "version": "1", "select": {"store": "photos", "prefix": ""}, "top": 2,
              "output": {"labels": False}, "priority": 7, "max_failures": 9, "cache": True,
              "keep": True, "standing": False, "interval_s": 60, "reason": None, "pass": 1}
    assert {key: job[key] for key in wanted} == wanted
    assert len(job["digest"]) == 64
    end = daemon.wait_for_job(job["id"], "done")
    wanted = {"selected": 21, "skipped": 1, "results": 21, "failed": 1, "cached": 0}
    assert {key: end[key] for key in wanted} == wanted, end
    assert end["bytes_read"] > 0
    assert end["created"] <= end["finished"] and end["finished"].endswith("Z")
    lines, done = daemon.results(job["id"])
    assert objects(lines) == FULL_NAMES + ["photos/broken.png"]
    assert lines[-1]["error"]["code"] == "undecodable"
    assert [len(line["classes"]) for line in lines[:-1]] == [2] * 20
    assert not any("label" in c for line in lines[:-1] for c in line["classes"])
    assert done == {"done": {"state": "done", "reason": None, "objects": 21, "skipped": 1,
                             "skipped_suffixes": {"txt": 1}, "failed": 1, "cached": 0, "bytes_read": end["bytes_read"]}}
    assert daemon.get("/v1/jobs").json() == {"jobs": [end]}
    assert requests.delete(f"{daemon.url}/v1/jobs/{job['id']}").status_code == 204
    for path in ("", "/results"):
        r = daemon.get(f"/v1/jobs/{job['id']}{path}")
        assert (r.status_code, r.json()["code"]) == (404, "not_found")
    assert daemon.get("/v1/jobs").json() == {"jobs": []}
    assert not list((daemon.directory / "state/jobs").iterdir())


def test_a_cursor_is_a_number_of_results(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    id = daemon.start_job("quick", {"store": "photos"})["id"]
    daemon.wait_for_job(id, "done")
    for after in (0, 1, 7, 19, 20):
        lines, last = daemon.results(id, after=after)
        assert objects(lines) == FULL_NAMES[after:]
        assert last["done"]["objects"] == 20
    for after in ("21", "-1", "x", "99999999999999999999"):
        r = daemon.get(f"/v1/jobs/{id}/results?after={after}")
        assert (r.status_code, r.json()["code"]) == (400, "malformed"), after


def test_wait_0_ends_with_what_is_there(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 50"), "--lanes", "1")
    id = daemon.start_job("slow", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(id)["results"] >= 3, "some results")
    got = []
    while True:
        lines, last = daemon.results(id, wait=0, after=len(got))
        got += objects(lines)
        if "done" in last:
            break
        assert last == {"more": {"after": len(got)}}
        time.sleep(0.1)
    assert got == FULL_NAMES


def test_followers_see_every_result_and_every_state(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 40"), "--lanes", "1")
    id = daemon.start_job("slow", {"store": "photos"})["id"]
    follower = Follower(daemon, id, progress=1)
    daemon.wait_for(lambda: daemon.job(id)["results"] >= 3, "some results")
    assert daemon.act(id, "pause").json()["state"] == "paused"
    daemon.wait_for(lambda: follower.lines[-1].get("progress", {}).get("state") == "paused"
                    and len(follower.result_lines()) == daemon.job(id)["results"],
                    "all results and the state, with no end of the stream")
    so_far = len(follower.result_lines())
    time.sleep(0.3)
    assert so_far == len(follower.result_lines()) == daemon.job(id)["results"] < 20
    assert follower.is_alive()
    assert daemon.act(id, "resume").json()["state"] in ("waiting", "running")
    follower.ended()
    assert objects(follower.result_lines()) == FULL_NAMES
    assert follower.lines[-1]["done"]["state"] == "done"
    states = [line["progress"]["state"] for line in follower.lines if "progress" in line]
    assert "running" in states[:2] and "paused" in states
    assert len(states) < 12  # one each second, and one at each change


def test_a_followed_post_is_the_job_and_its_results_in_one(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 10"))
    lines = daemon.run("slow", {"keys": FULL_NAMES[::-1]}, token="mine")
    assert lines[0]["job"]["select"] == {"keys": True} and lines[0]["job"]["token"] == "mine"
    assert objects(lines[1:-1]) == FULL_NAMES[::-1]
    again = daemon.run("slow", {"store": "photos"}, token="mine")  # the same job, not another
    assert again[0]["job"]["id"] == lines[0]["job"]["id"]
    assert again[1:] == lines[1:]
    r = daemon.post("/v1/jobs", {"model": "slow", "select": {"store": "photos"}, "token": "mine"})
    assert r.status_code == 200 and r.json()["id"] == lines[0]["job"]["id"]
    assert len(daemon.get("/v1/jobs").json()["jobs"]) == 1


def test_a_head_of_results_has_no_body(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    id = daemon.start_job("quick", {"store": "photos"})["id"]
    daemon.wait_for_job(id, "done")
    r = requests.head(f"{daemon.url}/v1/jobs/{id}/results", timeout=10)
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/x-ndjson"
    assert requests.head(f"{daemon.url}/v1/jobs/none/results", timeout=10).status_code == 404


def test_an_id_with_more_behind_it_is_no_job(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    id = daemon.start_job("quick", {"store": "photos"})["id"]
    daemon.wait_for_job(id, "done")
    for path in (id + "x", id[:7], id + "x/results", id + "%20/results", id[:7] + "/results"):
        assert daemon.get(f"/v1/jobs/{path}").status_code == 404, path


# ---- what may be selected, and what is refused ----

def test_prefix_and_glob_select(situd, photos, null_models):
    for name in ("2024/a.png", "2024/b.jpg.png", "2024/deep/c.png", "2025/a.png"):
        grey_png(photos / name, 7)
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    for select, wanted in [
            ({"prefix": "2024/"}, ["2024/a.png", "2024/b.jpg.png", "2024/deep/c.png"]),
            ({"glob": "a.png"}, ["2024/a.png", "2025/a.png"]),
            ({"glob": "202?/*.png"}, ["2024/a.png", "2024/b.jpg.png", "2025/a.png"]),
            ({"glob": "**/c.png"}, ["2024/deep/c.png"]),
            ({"prefix": "0", "glob": "0[0-3].png"}, ["00.png", "01.png", "02.png", "03.png"]),
            ({"prefix": "nothing/"}, [])]:
        lines = daemon.run("quick", {"store": "photos", **select})
        assert objects(lines[1:-1]) == [f"photos/{n}" for n in wanted], select
        assert lines[-1]["done"]["state"] == "done"


def test_names_that_are_no_keys_become_failures_in_their_place(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    names = ["photos/01.png", "photos/../01.png", "other/01.png", "photos/none.png", "photos",
             "/etc/passwd", "photos/02.png"]
    lines = daemon.run("quick", {"keys": names})[1:-1]
    assert objects(lines) == names
    assert ["error" in line for line in lines] == [False] + [True] * 5 + [False]
    assert {line["error"]["code"] for line in lines[1:-1]} <= {"malformed", "not_found"}
    lines = daemon.run("quick", {"store": "photos", "keys": ["01.png", "../x", "02.png"]})[1:-1]
    assert [objects(lines)[i] for i in (0, 2)] == ["photos/01.png", "photos/02.png"]
    r = send_list(daemon, b"photos/01.png\r\n\n\xff\xfe.png\nphotos/02.png", model="quick",
                  follow=1)
    lines = [json.loads(line) for line in r.text.splitlines()][1:-1]
    assert [objects(lines)[i] for i in (0, 2)] == ["photos/01.png", "photos/02.png"]
    assert "%FF%FE" in lines[1]["object"] and lines[1]["error"]["code"] == "malformed"


def test_100000_names_are_streamed(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"), cache=True)
    names = NAMES * 5000
    before = daemon.status()["bytes_read"]
    r = send_list(daemon, names, model="quick", store="photos", top=1, labels=0)
    assert r.status_code == 201, r.text
    end = daemon.wait_for_job(r.json()["id"], "done", 60)
    assert (end["results"], end["selected"], end["failed"]) == (100000, 100000, 0)
    assert end["cached"] > 90000  # twenty contents
    assert daemon.status()["bytes_read"] - before < 1 << 20
    lines, last = daemon.results(r.json()["id"])
    assert objects(lines) == [f"photos/{n}" for n in names]
    assert lines[7]["classes"] == lines[-13]["classes"]
    assert last["done"]["cached"] == end["cached"]


def test_what_is_wrong_with_a_list_is_told(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    for names, query, status, words in [
            (NAMES, {}, 400, "model"), (NAMES, {"model": "none"}, 404, "none"),
            (NAMES, {"model": "quick", "store": "none"}, 404, "none"),
            (NAMES, {"model": "quick", "top": "0"}, 400, "1 to 1000"),
            (NAMES, {"model": "quick", "priority": "11"}, 400, "0 to 9"),
            (["a", "x" * 3000], {"model": "quick"}, 400, "line 2")]:
        r = send_list(daemon, names, **query)
        assert r.status_code == status and words in r.json()["error"], (query, r.text)
    daemon.wait_for(lambda: not list((daemon.directory / "state/jobs").iterdir()), "no list to be left")


def test_what_is_wrong_with_a_request_is_told(situd, photos, null_models):
    models = null_models(quick="sleep 0")
    daemon = null(situd, photos, models)
    select = {"store": "photos"}
    for body, status, words in [
            ({"select": select}, 400, "model"), ({"model": "none", "select": select}, 404, "none"),
            ({"model": "quick@7", "select": select}, 404, "7"),
            ({"model": "quick", "select": {"store": "none"}}, 404, "none"),
            ({"model": "quick", "select": {"store": "photos", "prefix": "x", "keys": []}}, 400,
             "keys"),
            ({"model": "quick", "select": select, "token": "a b"}, 400, "token"),
            ({"model": "quick", "select": {"keys": ["photos/a"] * 4097}}, 413, "octet-stream")]:
        r = daemon.post("/v1/jobs", body)
        assert r.status_code == status and words in r.json()["error"], (body, r.text)
    for kind in ("text/plain", "multipart/form-data"):
        r = requests.post(daemon.url + "/v1/jobs", data=b"{}", timeout=10, headers={"Content-Type": kind})
        assert r.status_code == 415, kind
    r = requests.post(daemon.url + "/v1/jobs", data=b" " * (2 << 20), timeout=10,
                      headers={"Content-Type": "application/json"})
    assert r.status_code == 413
    for method, path, status in [
            ("GET", "/v1/jobs/abc", 404), ("DELETE", "/v1/jobs/abcdefgh", 404),
            ("POST", "/v1/jobs/abcdefgh/pause", 404), ("POST", "/v1/jobs/abcdefgh/retry", 404),
            ("GET", "/v1/jobs/..%2F..%2Fmodels", 404), ("PUT", "/v1/jobs", 405),
            ("GET", "/v1/jobs/abcdefgh/pause", 405), ("POST", "/v1/jobs/abcdefgh/x", 404)]:
        r = requests.request(method, daemon.url + path, timeout=10,
                             json={} if method in ("POST", "PUT") else None)
        assert r.status_code == status, (method, path, r.text)
    assert daemon.get("/v1/jobs").json() == {"jobs": []}


def test_a_model_of_tensors_is_refused(situd, photos, demo_models, tmp_path):
    package = tmp_path / "models/plain"
    package.mkdir(parents=True)
    shutil.copy(demo_models / "demo/model.onnx", package / "model.onnx")
    daemon = situd("--store", f"photos={photos}", "--models", tmp_path / "models")
    r = daemon.post("/v1/jobs", {"model": "plain", "select": {"store": "photos"}})
    assert (r.status_code, r.json()["code"]) == (422, "unfit"), r.text


# ---- control of jobs ----

def test_actions_that_a_state_does_not_allow_are_conflicts(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 100"), "--lanes", "1")
    id = daemon.start_job("slow", {"store": "photos"})["id"]
    assert daemon.act(id, "retry").status_code == 409  # has not ended
    for _ in range(2):  # a repeated request is fine
        assert daemon.act(id, "pause").json()["state"] == "paused"
    for _ in range(2):
        assert daemon.act(id, "cancel").json()["state"] == "cancelled"
    for action in ("pause", "resume", "retry"):
        r = daemon.act(id, action)
        assert (r.status_code, r.json()["code"]) == (409, "conflict"), action
    lines, last = daemon.results(id)
    assert last["done"]["state"] == "cancelled"
    assert objects(lines) == FULL_NAMES[:len(lines)] and len(lines) < 20
    done = daemon.start_job("slow", {"keys": []})["id"]
    daemon.wait_for_job(done, "done")
    for action in ("pause", "resume", "cancel", "retry"):
        assert daemon.act(done, action).status_code == 409, action


def test_retry_is_a_job_of_exactly_what_failed(situd, photos, null_models):
    bad = ["03.png", "11.png", "17.png"]
    good = {n: (photos / n).read_bytes() for n in bad}
    for name in bad:
        (photos / name).write_text("damaged")
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    id = daemon.start_job("quick", {"store": "photos"}, top=1, priority=3)["id"]
    assert daemon.wait_for_job(id, "done")["failed"] == 3
    for name in bad[1:]:
        (photos / name).write_bytes(good[name])
    r = daemon.act(id, "retry")
    assert r.status_code == 201, r.text
    retry = r.json()
    assert r.headers["Location"] == f"/v1/jobs/{retry['id']}" != f"/v1/jobs/{id}"
    assert (retry["priority"], retry["top"], retry["digest"]) == (3, 1, daemon.job(id)["digest"])
    daemon.wait_for_job(retry["id"], "done")
    lines, last = daemon.results(retry["id"])
    assert objects(lines) == [f"photos/{n}" for n in bad]
    assert ["error" in line for line in lines] == [True, False, False]
    assert last["done"]["failed"] == 1


def test_too_many_failures_end_a_job_until_it_is_resumed(situd, photos, null_models):
    for name in NAMES[5:11]:
        (photos / name).write_text("damaged")
    daemon = null(situd, photos, null_models(quick="sleep 1"), "--lanes", "1")
    id = daemon.start_job("quick", {"store": "photos"}, max_failures=3)["id"]
    job = daemon.wait_for_job(id, "failed")
    assert job["reason"]["message"] and job["failed"] > 3 and job["finished"]
    lines, last = daemon.results(id)
    assert last["done"]["state"] == "failed" and last["done"]["reason"] == job["reason"]
    assert daemon.act(id, "resume").status_code == 200
    job = daemon.wait_for_job(id, "done")
    assert (job["results"], job["failed"], job["reason"]) == (20, 6, None)
    assert objects(daemon.results(id)[0]) == FULL_NAMES


def test_a_removed_job_ends_its_streams_and_takes_its_objects_along(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 100"), "--lanes", "1")
    id = daemon.start_job("slow", {"keys": FULL_NAMES * 10})["id"]
    follower = Follower(daemon, id)
    daemon.wait_for(lambda: follower.lines, "a first line")
    assert requests.delete(f"{daemon.url}/v1/jobs/{id}", timeout=20).status_code == 204
    follower.ended()
    assert daemon.status()["queue"] == 0
    assert daemon.get(f"/v1/jobs/{id}").status_code == 404
    assert not list((daemon.directory / "state/jobs").iterdir())


# ---- order among jobs, and single requests ----

def results_of(daemon, id):
    return daemon.job(id)["results"]


def gained_meanwhile(daemon, ahead, behind, count):
    """The number of results of `behind` while `ahead` gets that many."""
    before = results_of(daemon, behind)
    until = results_of(daemon, ahead) + count
    daemon.wait_for(lambda: results_of(daemon, ahead) >= until, f"{count} results", 60)
    return results_of(daemon, behind) - before


def test_a_high_job_that_starts_later_ends_first(situd, photos, null_models):
    """The other two are too long to end while it runs, however slow the machine is."""
    daemon = null(situd, photos, null_models(slow="sleep 10"))
    low = daemon.start_job("slow", {"keys": FULL_NAMES * 200}, priority=1)["id"]
    middle = daemon.start_job("slow", {"keys": FULL_NAMES * 200}, priority=5)["id"]
    daemon.wait_for(lambda: results_of(daemon, low) > 5 or results_of(daemon, middle) > 5,
                    "the first two to run")
    high = daemon.start_job("slow", {"keys": FULL_NAMES * 15}, priority=9)["id"]
    daemon.wait_for(lambda: results_of(daemon, high) > 0, "the high one to run")
    assert gained_meanwhile(daemon, high, middle, 150) < 75
    daemon.wait_for_job(high, "done", 60)
    assert daemon.job(middle)["state"] == "running"
    assert gained_meanwhile(daemon, middle, low, 150) < 75
    for id in (low, middle):
        assert daemon.act(id, "cancel").json()["state"] == "cancelled"


def test_jobs_of_one_priority_share_evenly(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 10"))
    ids = [daemon.start_job("slow", {"keys": FULL_NAMES * 200})["id"] for _ in range(3)]

    def results():
        return [results_of(daemon, id) for id in ids]

    daemon.wait_for(lambda: min(results()) > 40, "all three to run")
    before = results()
    daemon.wait_for(lambda: sum(results()) > sum(before) + 600, "600 results", 60)
    gained = [now - then for now, then in zip(results(), before)]
    assert max(gained) < 2.5 * min(gained), gained
    for id in ids:
        daemon.act(id, "cancel")


def test_jobs_beyond_those_that_run_wait_their_turn(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 10"))
    long = [daemon.start_job("slow", {"keys": FULL_NAMES * 200})["id"] for _ in range(16)]
    for id in long:
        daemon.wait_for_job(id, "running")
    short = [daemon.start_job("slow", {"keys": FULL_NAMES})["id"] for _ in range(2)]
    states = collections.Counter(daemon.job(i)["state"] for i in long + short)
    assert states == {"running": 16, "waiting": 2}, states
    for id in long[:15]:
        assert daemon.act(id, "cancel").json()["state"] == "cancelled"
    for id in short:
        assert daemon.wait_for_job(id, "done", 60)["results"] == 20
    assert daemon.act(long[15], "cancel").json()["state"] == "cancelled"


def test_jobs_do_not_fill_the_queue_for_single_requests(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 30"), "--queue", "1")
    jobs = [daemon.start_job("slow", {"keys": FULL_NAMES * 10})["id"] for _ in range(3)]
    daemon.wait_for(lambda: daemon.status()["queue"] > 100, "three full windows")
    for _ in range(5):
        assert daemon.infer("slow", "photos/03.png").status_code == 200
    for id in jobs:
        daemon.act(id, "cancel")
    assert daemon.status()["queue"] == 0


def test_a_jobs_objects_have_no_deadline_in_the_queue(situd, photos, null_models):
    """Neither while the model loads, nor behind jobs of higher priority."""
    daemon = null(situd, photos, null_models(loads="sleep 700", slow="sleep 40"),
                  "--request-seconds", "0.5", "--lanes", "1")
    low = daemon.start_job("loads", {"keys": FULL_NAMES[:2]}, priority=0)["id"]
    high = daemon.start_job("slow", {"keys": FULL_NAMES * 2}, priority=9)["id"]
    assert daemon.wait_for_job(high, "done")["failed"] == 0
    assert daemon.wait_for_job(low, "done")["failed"] == 0


def test_objects_that_hang_or_crash_cost_a_job_one_line_each(situd, photos, null_models):
    daemon = null(situd, photos, null_models(hanging="sleep 5\nhang_from 19",
                                             fragile="sleep 5\ncrash_from 19"),
                  "--object-seconds", "4")  # only that one takes so long
    for model, code in (("hanging", "deadline"), ("fragile", "worker_crashed")):
        lines = daemon.run(model, {"store": "photos"})
        assert objects(lines[1:-1]) == FULL_NAMES
        assert [line["error"]["code"] for line in lines[1:-1] if "error" in line] == [code]
        assert "error" in lines[20]
        assert lines[-1]["done"]["state"] == "done"


# ---- followers ----

def tasks_of(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir()))


def test_many_followers_cost_no_thread_each(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 30"))
    id = daemon.start_job("slow", {"keys": FULL_NAMES * 10})["id"]
    daemon.wait_for(lambda: daemon.job(id)["results"] > 0, "a first result")
    before = tasks_of(daemon)
    assert daemon.act(id, "pause").json()["state"] == "paused"  # so that all of them meet it
    followers = [Follower(daemon, id) for _ in range(150)]
    daemon.wait_for(lambda: all(f.lines for f in followers), "all to be served", 60)
    # The threads that handled their requests end by themselves, if any were created.
    daemon.wait_for(lambda: tasks_of(daemon) <= before + 3, "no thread a follower")
    assert all(f.is_alive() for f in followers)
    assert daemon.act(id, "resume").status_code == 200
    for follower in followers:
        assert objects(follower.ended(60).result_lines()) == FULL_NAMES * 10
        assert follower.lines[-1]["done"]["state"] == "done"


def test_a_client_that_leaves_ends_its_stream_and_not_the_job(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 20"))
    body = json.dumps({"model": "slow", "select": {"keys": FULL_NAMES * 200}}).encode()
    before = daemon.status()["connections"]
    s = socket.create_connection(("127.0.0.1", daemon.port))
    s.sendall(b"POST /v1/jobs?follow=1 HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    text = b""
    while b'"object"' not in text:
        text += s.recv(65536)
    id = json.loads(text[text.index(b'{"job"'):].split(b"\n")[0])["job"]["id"]
    s.close()
    daemon.wait_for(lambda: daemon.status()["connections"] <= before, "the connection to go")
    then = results_of(daemon, id)
    daemon.wait_for(lambda: results_of(daemon, id) >= then + 40, "the job to go on")
    assert daemon.job(id)["state"] == "running"
    assert daemon.act(id, "cancel").json()["state"] == "cancelled"
    assert objects(daemon.results(id)[0]) == (FULL_NAMES * 200)[:results_of(daemon, id)]


def test_a_client_that_does_not_read_holds_nobody_up(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"), cache=True)
    id = send_list(daemon, FULL_NAMES * 2000, model="quick").json()["id"]
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", daemon.port))
    s.sendall(b"GET /v1/jobs/%s/results HTTP/1.1\r\nHost: localhost\r\n\r\n" % id.encode())
    assert daemon.wait_for_job(id, "done", 60)["results"] == 40000
    lines, last = daemon.results(id)
    assert len(lines) == 40000 and last["done"]["objects"] == 40000
    received = 0  # and the slow one gets all of it when it finally reads
    tail = b""
    while b'{"done"' not in tail:
        piece = s.recv(1 << 20)
        assert piece, "the stream was cut"
        received += len(piece)
        tail = (tail + piece)[-400:]
    assert received > 40000 * 100
    s.close()


# ---- restarts ----

def test_jobs_go_on_by_themselves_after_a_restart(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 20"), "--lanes", "1")
    running = daemon.start_job("slow", {"keys": FULL_NAMES * 15})["id"]
    paused = daemon.start_job("slow", {"keys": FULL_NAMES * 15}, priority=9)["id"]
    daemon.wait_for(lambda: daemon.job(paused)["results"] > 3, "some results")
    before = daemon.act(paused, "pause").json()
    assert before["state"] == "paused"
    daemon.wait_for(lambda: daemon.job(running)["results"] > 3, "some results")
    follower = Follower(daemon, running)
    daemon.wait_for(lambda: follower.lines, "a first line")
    start = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - start < 8  # less time than running requests get
    follower.ended()
    assert follower.cut and not any("done" in line for line in follower.lines)
    daemon.start()
    after = daemon.job(paused)
    assert (after["state"], after["results"]) == ("paused", before["results"])
    rest, last = daemon.results(running, after=len(follower.result_lines()))
    assert objects(follower.result_lines() + rest) == FULL_NAMES * 15
    assert last["done"]["state"] == "done"
    daemon.act(paused, "resume")
    daemon.wait_for_job(paused, "done", 60)
    assert objects(daemon.results(paused)[0]) == FULL_NAMES * 15


def test_each_object_has_one_result_whatever_is_killed(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 8"))
    names = FULL_NAMES * 30
    undisturbed = daemon.run("slow", {"store": "photos"})[1:-1]
    answers = {line["object"]: line for line in undisturbed}
    id = daemon.start_job("slow", {"keys": names})["id"]
    chance = random.Random(5)
    got = []  # as for a client that resumes at its cursor
    for _ in range(5):
        follower = Follower(daemon, id, after=len(got))
        time.sleep(chance.uniform(0.05, 0.6))
        daemon.kill()
        got += follower.ended().result_lines()
        daemon.start()
        for pid in daemon.workers():
            os.kill(pid, 9)
    rest, last = daemon.results(id, after=len(got))
    got += rest
    assert last["done"]["state"] == "done" and last["done"]["objects"] == len(names)
    assert [line for line in got] == [answers[n] for n in names]
    assert daemon.results(id)[0] == got


def test_a_job_keeps_its_model_to_its_end_and_asks_for_it_after_a_restart(situd, photos,
                                                                        null_models):
    models = null_models(slow="sleep 40")
    daemon = situd("--store", f"photos={photos}", "--engine", "null", "--lanes", "2",
                   "--cache-size", "0")
    add(daemon, models / "slow", "slow")
    first = daemon.start_job("slow", {"keys": FULL_NAMES * 2}, priority=9)["id"]
    second = daemon.start_job("slow", {"keys": FULL_NAMES * 20})["id"]
    daemon.wait_for(lambda: daemon.job(second)["results"] > 0 or
                    daemon.job(first)["state"] == "done", "a start")
    daemon.wait_for(lambda: daemon.job(second)["results"] > 0, "a start of the second")
    assert requests.delete(f"{daemon.url}/v1/models/slow", timeout=20).status_code == 204
    then = results_of(daemon, second)
    daemon.wait_for(lambda: results_of(daemon, second) >= then + 20, "it to go on")
    assert daemon.job(second)["state"] == "running"
    daemon.stop()
    daemon.start()
    job = daemon.wait_for_job(second, "paused")
    assert job["reason"]["code"] == "not_found"
    assert "slow" in job["reason"]["message"] and "add" in job["reason"]["message"]
    add(daemon, models / "slow", "slow")  # version 1 again, and the same package
    assert daemon.wait_for_job(second, "done", 60)["results"] == 400
    assert objects(daemon.results(second)[0]) == FULL_NAMES * 20


def test_a_job_does_not_take_another_model_of_that_name(situd, photos, null_models):
    models = null_models(slow="sleep 40", other="sleep 41")
    daemon = situd("--store", f"photos={photos}", "--engine", "null", "--cache-size", "0")
    add(daemon, models / "slow", "slow")
    id = daemon.start_job("slow", {"keys": FULL_NAMES * 20})["id"]
    daemon.wait_for(lambda: daemon.job(id)["results"] > 0, "a start")
    daemon.stop()
    shutil.rmtree(daemon.directory / "state/models/slow")
    daemon.start()
    add(daemon, models / "other", "slow")
    assert daemon.wait_for_job(id, "paused")["reason"]["code"] == "not_found"
    time.sleep(6)  # it has tried again
    assert daemon.job(id)["state"] == "paused"
    add(daemon, models / "slow", "slow")  # as version 2, which is the same package
    assert daemon.wait_for_job(id, "done", 60)["results"] == 400


def test_a_model_that_cannot_be_loaded_pauses_a_job_with_the_reason(situd, photos, null_models):
    models = null_models(slow="sleep 40")
    daemon = null(situd, photos, models)
    (models / "slow/model.onnx").write_text("nonsense")
    id = daemon.start_job("slow", {"store": "photos"})["id"]
    job = daemon.wait_for_job(id, "paused")
    assert job["reason"]["code"] == "unavailable" and job["failed"] == 0
    assert daemon.act(id, "cancel").json()["state"] == "cancelled"


def test_a_stop_is_not_held_up_by_jobs(situd, photos, null_models):
    """Not by one that loads its model, by one whose object hangs, or by the upload of a list."""
    daemon = null(situd, photos, null_models(hanging="sleep 1\nhang_from 19", loads="sleep 20000"),
                  "--object-seconds", "60")
    hanging = daemon.start_job("hanging", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(hanging)["results"] >= 19, "the object that hangs")
    loading = daemon.start_job("loads", {"store": "photos"})["id"]
    followers = [Follower(daemon, i) for i in (hanging, loading)]
    s = socket.create_connection(("127.0.0.1", daemon.port))
    s.sendall(b"POST /v1/jobs?model=hanging HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\nphotos/a\n")
    daemon.wait_for(lambda: list((daemon.directory / "state/jobs").glob(".new-keys-*")),
                    "the list to be on its way")
    start = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - start < STOP_SECONDS, daemon.log()
    for follower in followers:
        assert not any("done" in line for line in follower.ended().lines)
    s.close()
    daemon.start()
    for id in (hanging, loading):
        assert daemon.job(id)["state"] in ("running", "waiting")
    assert len(daemon.get("/v1/jobs").json()["jobs"]) == 2
    assert daemon.job(hanging)["results"] == 19


# ---- stores that change or cannot be read ----

def test_a_standing_job_takes_in_what_comes_and_tells_what_is_gone(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    id = daemon.start_job("quick", {"store": "photos"}, standing=True, interval_s=1)["id"]
    daemon.wait_for(lambda: daemon.job(id)["idle"], "the first pass to end")
    assert daemon.job(id)["results"] == 20
    follower = Follower(daemon, id, after=20)
    # Renamed into place, so that no pass finds half of it.
    grey_png(photos.parent / "new.png", 5).rename(photos / "new.png")
    daemon.wait_for(lambda: daemon.job(id)["results"] == 21, "the new one", 30)
    (photos / "07.png").unlink()
    daemon.wait_for(lambda: daemon.job(id)["results"] == 22, "the one that is gone", 30)
    assert daemon.act(id, "cancel").json()["state"] == "cancelled"
    follower.ended()
    assert follower.lines[0]["object"] == "photos/new.png" and "classes" in follower.lines[0]
    assert follower.lines[1] == {"object": "photos/07.png", "gone": True}
    assert follower.lines[-1]["done"]["state"] == "cancelled"
