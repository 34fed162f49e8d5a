# SPDX-License-Identifier: Apache-2.0
"""Rights over jobs: what a selection may hold, who sees a job, and whose an idempotency token is.

Pictures lie in photos/a/, photos/b/ and in the store `scans`; `anna` and `bert` are operators of one
prefix each, `chief` is one of all of photos, `root` may do all.
"""

import concurrent.futures
import json
import pwd
import re

import pytest

from conftest import grey_png
from rights import Caller, NOBODY, ask_as, peer_section, reload, token_of, token_section

PICTURES = 4

SECTIONS = {
    "anna": token_section("anna", "operator", "photos/a/"),
    "bert": token_section("bert", "operator", "photos/b/"),
    "chief": token_section("chief", "operator", "photos"),
    "both": token_section("both", "operator", "photos scans"),
    "root": token_section("root", "admin", "*"),
    # jobs and infer are granted by two sections of two names, or not both for one place
    "clerk": token_section("clerk", "jobs list", "photos/a/"),
    "wide": token_section("wide", "jobs infer", "*"),
}


def write_rights(path, sections):
    path.write_text("\n".join(sections.values()))


@pytest.fixture
def rights(tmp_path):
    path = tmp_path / "rights"
    write_rights(path, SECTIONS)
    return path


@pytest.fixture
def daemon(tmp_path, situd, null_models, rights):
    for i in range(PICTURES):
        grey_png(tmp_path / f"photos/a/{i}.png", 10 + i)
        grey_png(tmp_path / f"photos/b/{i}.png", 20 + i)
        grey_png(tmp_path / f"scans/{i}.png", 30 + i)
    models = null_models(m="sleep 0", features="sleep 0")
    (models / "features/situ.json").write_text('{"task": "feature-extraction"}')
    return situd("--store", f"photos={tmp_path / 'photos'}", "--store", f"scans={tmp_path / 'scans'}",
                 "--models", models, "--engine", "null", "--token-file", rights,
                 "--access-log", "--socket-mode", "0666")


def as_(daemon, name):
    return Caller(daemon, name)


def body(prefix="a/", store="photos", **more):
    return {"model": "m", "select": {"store": store, "prefix": prefix}, **more}


def of_names(*names, **more):
    return {"model": "m", "select": {"keys": list(names)}, **more}


def create(caller, request, status=201):
    r = caller.post("/v1/jobs", request)
    assert r.status_code == status, r.text
    return r.json()


def results_of(caller, id):
    return [line["object"] for line in caller.lines(f"/v1/jobs/{id}/results") if "object" in line]


def ids_of(caller):
    r = caller.get("/v1/jobs")
    assert r.status_code == 200, r.text
    return [job["id"] for job in r.json()["jobs"]]


def ways_to(id):
    """Each request about one job."""
    job = f"/v1/jobs/{id}"
    return [("GET", job), ("HEAD", job), ("GET", job + "/results"), ("HEAD", job + "/results"),
            ("GET", job + "/results?wait=0"), ("GET", job + "/results?after=1"),
            ("GET", job + "/results?after=99999&progress=1"),
            ("POST", job + "/pause"), ("POST", job + "/resume"),
            ("POST", job + "/resume?accept_store=1"), ("POST", job + "/cancel"),
            ("POST", job + "/retry"), ("POST", job + "/exclude-defaults"), ("DELETE", job)]


def answer_to(caller, method, path, id):
    """Status, text and type of the answer, without the id and what every answer has anew."""
    r = caller.call(method, path, json={} if method == "POST" else None)
    return r.status_code, r.text.replace(id, "ID"), r.headers.get("Content-Type")


# ---- what a selection may hold


def test_a_selection_must_lie_within_the_rights(daemon):
    anna = as_(daemon, "anna")
    job = create(anna, body("a/"))
    assert job["owner"] == "token:anna"
    assert results_of(anna, job["id"]) == [f"photos/a/{i}.png" for i in range(PICTURES)]
    create(anna, body("a/1"))
    for prefix in ("", "a"):
        r = anna.post("/v1/jobs", body(prefix))
        assert r.status_code == 403 and "'jobs' for all objects" in r.json()["error"], r.text
    assert ids_of(anna) == sorted(ids_of(anna), key=ids_of(anna).index) and len(ids_of(anna)) == 2


def test_what_is_hidden_is_answered_like_what_does_not_exist(daemon):
    anna = as_(daemon, "anna")
    missing, hidden = (anna.post("/v1/jobs", body("", store)) for store in ("scens", "scans"))
    assert missing.status_code == hidden.status_code == 404
    assert missing.text.replace("scens", "scans") == hidden.text
    assert "scans" not in missing.text  # no "did you mean"
    missing, hidden = (anna.post("/v1/jobs", body(prefix)) for prefix in ("x/", "b/"))
    assert missing.status_code == hidden.status_code == 404
    assert missing.text.replace("x/", "b/") == hidden.text
    assert ids_of(anna) == []


def test_both_rights_must_cover_a_selection(daemon):
    r = as_(daemon, "clerk").post("/v1/jobs", body("a/"))
    assert r.status_code == 403 and "'infer'" in r.json()["error"], r.text
    r = as_(daemon, "clerk").post("/v1/jobs", of_names("photos/a/0.png"))
    assert r.status_code == 403 and "'infer'" in r.json()["error"], r.text


@pytest.mark.parametrize("streamed", [False, True])
def test_each_name_of_a_list_is_asked_for(daemon, streamed):
    anna = as_(daemon, "anna")

    def post(*names, store=None):
        if not streamed:
            select = {"keys": list(names), **({"store": store} if store else {})}
            return anna.post("/v1/jobs", {"model": "m", "select": select})
        return anna.call("POST", "/v1/jobs", data="\n".join(names) + "\n",
                         params={"model": "m", **({"store": store} if store else {})},
                         headers={"Content-Type": "application/octet-stream"})

    good = post("photos/a/1.png", "photos/a/absent.png", "photos/a/0.png")
    assert good.status_code == 201, good.text
    assert results_of(anna, good.json()["id"]) == ["photos/a/1.png", "photos/a/absent.png",
                                                   "photos/a/0.png"]
    assert post("a/1.png", store="photos").status_code == 201
    answers = set()
    for name in ("photos/b/1.png", "photos/b/absent.png", "scans/1.png", "scens/1.png"):
        r = post("photos/a/1.png", name)
        assert r.status_code == 404 and "name 2 of the list" in r.json()["error"], r.text
        answers.add(r.text.replace(name, "NAME"))
    assert len(answers) == 1, answers
    assert post("a/1.png", "b/1.png", store="photos").status_code == 404
    missing, hidden = post("1.png", store="scens"), post("1.png", store="scans")
    assert missing.status_code == hidden.status_code == 404
    assert missing.text.replace("scens", "scans") == hidden.text
    # no way around by another spelling: what is no key becomes a failure, and is not looked up
    r = post("photos/a/../b/1.png")
    assert r.status_code == 201, r.text
    lines = anna.lines(f"/v1/jobs/{r.json()['id']}/results")
    assert lines[0]["error"]["code"] == "malformed"
    assert len(ids_of(anna)) == 3


def test_the_name_of_a_hidden_store_is_in_no_result(tmp_path, situd, null_models, rights):
    """`mist` may use a store that does not exist, whose name is near that of one that does."""
    grey_png(tmp_path / "scans/0.png", 1)
    write_rights(rights, {"mist": token_section("mist", "operator", "scens")})
    daemon = situd("--store", f"scans={tmp_path / 'scans'}", "--models", null_models(m="sleep 0"),
                   "--engine", "null", "--token-file", rights)
    mist = as_(daemon, "mist")
    job = create(mist, of_names("scens/0.png"))
    r = mist.get(f"/v1/jobs/{job['id']}/results")
    assert "no store 'scens'" in r.text and "scans" not in r.text
    r = mist.post("/v1/jobs", body("", "scens"))
    assert r.status_code == 404 and "scans" not in r.text


# ---- who sees a job


def test_a_job_of_another_does_not_exist(daemon):
    anna, bert = as_(daemon, "anna"), as_(daemon, "bert")
    ended = create(anna, body("a/"))["id"]
    results_of(anna, ended)
    standing = create(anna, body("a/", standing=True, interval_s=3600))["id"]
    named = create(anna, of_names("photos/a/0.png"))["id"]
    results_of(anna, named)
    before = {job["id"]: job for job in anna.get("/v1/jobs").json()["jobs"]}
    for id in (ended, standing, named):
        for (method, path), (_, absent) in zip(ways_to(id), ways_to("aaaaaaaa")):
            seen = answer_to(bert, method, path, id)
            assert seen == answer_to(bert, method, absent, "aaaaaaaa"), (method, path)
            assert seen[0] == 404, (method, path, seen)
    assert ids_of(bert) == []
    assert {job["id"] for job in anna.get("/v1/jobs").json()["jobs"]} == set(before)
    assert anna.get(f"/v1/jobs/{standing}").json()["state"] in ("waiting", "running")


def test_operators_of_the_whole_selection_see_it(daemon):
    anna, chief, root = (as_(daemon, name) for name in ("anna", "chief", "root"))
    prefix = create(anna, body("a/", token="secret-of-anna"))["id"]
    named = create(anna, of_names("photos/a/0.png", "photos/a/1.png"))["id"]
    wide = create(as_(daemon, "wide"), of_names("photos/a/0.png", "scans/0.png"))["id"]
    scans = create(root, body("", "scans"))["id"]
    assert ids_of(anna) == [prefix, named]
    assert ids_of(chief) == [prefix, named]
    assert sorted(ids_of(root)) == sorted([prefix, named, wide, scans])
    assert sorted(ids_of(as_(daemon, "both"))) == sorted([prefix, named, wide, scans])
    assert sorted(ids_of(as_(daemon, "wide"))) == sorted([prefix, named, wide, scans])
    seen = chief.get(f"/v1/jobs/{prefix}").json()
    assert seen["owner"] == "token:anna" and "token" not in seen
    assert anna.get(f"/v1/jobs/{prefix}").json()["token"] == "secret-of-anna"
    assert "secret-of-anna" not in chief.get("/v1/jobs").text
    assert len(results_of(chief, prefix)) == PICTURES
    assert chief.post(f"/v1/jobs/{prefix}/pause", {}).status_code == 409  # it has ended
    assert chief.delete(f"/v1/jobs/{prefix}").status_code == 204
    assert ids_of(anna) == [named]


def test_the_job_of_an_index_is_seen_by_its_selection(daemon):
    r = as_(daemon, "root").post("/v1/indexes", {
        "name": "like", "model": "features", "select": {"store": "photos", "prefix": "a/"}})
    assert r.status_code == 201, r.text
    seen = as_(daemon, "anna").get("/v1/jobs").json()["jobs"]
    assert [job["id"] for job in seen] == ids_of(as_(daemon, "chief")) and len(seen) == 1
    assert "token" not in seen[0] and "owner" not in seen[0]  # the token names the index
    assert ids_of(as_(daemon, "bert")) == []
    absent = as_(daemon, "bert").get("/v1/jobs/aaaaaaaa").text
    assert as_(daemon, "bert").get(f"/v1/jobs/{seen[0]['id']}").text.replace(
        seen[0]["id"], "aaaaaaaa") == absent


def test_a_retry_belongs_to_who_asked_for_it(tmp_path, daemon):
    (tmp_path / "photos/a/broken.png").write_bytes(b"no picture")
    anna, bert, chief = (as_(daemon, name) for name in ("anna", "bert", "chief"))
    job = create(anna, body("a/", token="t"))["id"]
    results_of(anna, job)
    again = chief.post(f"/v1/jobs/{job}/retry", {})
    assert again.status_code == 201, again.text
    again = again.json()
    assert again["owner"] == "token:chief" and "token" not in again
    assert results_of(chief, again["id"]) == ["photos/a/broken.png"]
    assert ids_of(anna) == [job]  # a list: for who has the whole store
    assert ids_of(bert) == []
    own = anna.post(f"/v1/jobs/{job}/retry", {})
    assert own.status_code == 201 and own.json()["owner"] == "token:anna", own.text


def test_the_command_names_owners(tmp_path, daemon, situ_cli):
    token = tmp_path / "token"
    token.write_text(token_of("chief") + "\n")
    job = create(as_(daemon, "anna"), body("a/"))["id"]
    listed = situ_cli(daemon, "job", "list", "--token-file", token)
    assert listed.returncode == 0 and "OWNER" in listed.stdout, listed
    assert re.search(rf"^{job} .* token:anna$", listed.stdout, re.M), listed.stdout
    shown = situ_cli(daemon, "job", "show", job, "--token-file", token)
    assert re.search(r"^owner +token:anna$", shown.stdout, re.M), shown
    token.write_text(token_of("bert") + "\n")
    hidden = situ_cli(daemon, "job", "show", job, "--token-file", token)
    assert hidden.returncode != 0 and f"no job '{job}'" in hidden.stderr, hidden
    assert "OWNER" not in situ_cli(daemon, "job", "list", "--token-file", token).stdout


# ---- tokens of requests


def test_an_idempotency_token_is_its_owners_alone(daemon):
    anna, bert = as_(daemon, "anna"), as_(daemon, "bert")
    first = create(anna, body("a/", token="same"))
    assert create(anna, body("a/", token="same"), status=200)["id"] == first["id"]
    other = create(bert, body("b/", token="same"))
    assert other["id"] != first["id"]
    assert create(bert, body("b/", token="same"), status=200)["id"] == other["id"]
    # a token as those of jobs that fill indexes makes no such job
    posing = create(anna, body("a/", token="index.x.1", standing=True,
                               output={"embedding": "base64"}))["id"]
    daemon.stop()
    daemon.start()
    anna, bert = as_(daemon, "anna"), as_(daemon, "bert")
    assert create(anna, body("a/", token="same"), status=200)["id"] == first["id"]
    assert posing in ids_of(anna)
    assert ids_of(bert) == [other["id"]]


def test_no_token_is_in_the_log(daemon):
    anna = as_(daemon, "anna")
    r = anna.call("POST", "/v1/jobs", data="photos/a/0.png\n",
                  params={"model": "m", "token": "kept-from-logs", "top": "1"},
                  headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201, r.text
    for target in ("model=m&%74oken=kept-from-logs", "token=kept-from-logs,&model=m",
                   "model=m&token=kept-from-logs"):
        anna.call("POST", f"/v1/jobs?{target}", data="photos/b/0.png\n",
                  headers={"Content-Type": "application/octet-stream"})
    create(anna, body("a/", token="kept-from-logs"), status=200)
    anna.post("/v1/jobs", body("b/", token="kept-from-logs"))
    assert anna.delete(f"/v1/jobs/{r.json()['id']}").status_code == 204
    daemon.wait_for(lambda: "method=DELETE" in daemon.log(), "the line of the last request")
    assert "kept-from-logs" not in daemon.log()
    assert token_of("anna") not in daemon.log()
    assert re.search(r'target="?/v1/jobs\?model=m&token=\*&top=1', daemon.log()), daemon.log()


# ---- rights that change


def test_results_need_the_rights_of_now(daemon, rights):
    """The job goes on as it was created; its results need `jobs` for its selection now."""
    anna, bert = as_(daemon, "anna"), as_(daemon, "bert")
    job = create(anna, body("a/", standing=True, interval_s=3600))["id"]
    daemon.wait_for(lambda: anna.get(f"/v1/jobs/{job}").json()["idle"], "the first pass")
    write_rights(rights, {**SECTIONS, "anna": token_section("anna", "operator", "photos/b/"),
                          "bert": token_section("bert", "operator", "photos/a/")})
    reload(daemon)
    seen = anna.get(f"/v1/jobs/{job}")
    assert seen.status_code == 200 and seen.json()["state"] == "running"
    for path in ("results?wait=0", "results"):
        r = anna.get(f"/v1/jobs/{job}/{path}")
        assert r.status_code == 403 and "'jobs' for all objects of job" in r.text
    for verb in ("resume", "resume?accept_store=1", "retry", "exclude-defaults"):
        assert anna.post(f"/v1/jobs/{job}/{verb}", {}).status_code == 403, verb
    assert len(bert.lines(f"/v1/jobs/{job}/results?wait=0")) == PICTURES + 1
    assert anna.delete(f"/v1/jobs/{job}").status_code == 204


def test_a_token_does_not_bring_back_what_was_taken(daemon, rights):
    """The same token with another selection returns the old job, but not its results."""
    anna = as_(daemon, "anna")
    job = create(anna, body("a/", token="t"))["id"]
    write_rights(rights, {**SECTIONS, "anna": token_section("anna", "operator", "photos/b/")})
    reload(daemon)
    assert create(anna, body("b/", token="t"), status=200)["id"] == job
    r = anna.post("/v1/jobs?follow=1", body("b/", token="t"))
    assert r.status_code == 403, r.text


def test_jobs_of_tokens_without_names_are_shared(daemon, rights):
    rights.write_text(f"{token_of('one')}\n{token_of('two')}\n")
    reload(daemon)
    job = create(as_(daemon, "one"), body("a/", token="t"))
    assert "owner" not in job
    assert create(as_(daemon, "two"), body("a/", token="t"), status=200)["id"] == job["id"]
    write_rights(rights, SECTIONS)
    reload(daemon)
    assert ids_of(as_(daemon, "anna")) == [job["id"]]
    assert ids_of(as_(daemon, "bert")) == []


# ---- at once


def test_two_operators_at_once_see_nothing_of_each_other(daemon):
    """Both create, list, read and remove, their own ids and those that the other has just got."""
    made = {"a": [], "b": []}

    def operate(name, prefix, other):
        caller = as_(daemon, name)
        wrong = []
        for _ in range(25):
            job = create(caller, body(f"{prefix}/", token=f"t{len(made[prefix])}"))
            made[prefix].append(job["id"])
            wrong += [line for line in results_of(caller, job["id"])
                      if not line.startswith(f"photos/{prefix}/")]
            wrong += [job for job in caller.get("/v1/jobs").json()["jobs"]
                      if job["owner"] != f"token:{name}" or job["id"] in made[other]]
            for id in made[other][-2:]:
                wrong += [(method, path, status) for method, path in ways_to(id)
                          for status in [answer_to(caller, method, path, id)[0]] if status != 404]
            if len(made[prefix]) % 2:
                r = caller.delete(f"/v1/jobs/{job['id']}")
                wrong += [("DELETE", job["id"], r.status_code)] if r.status_code != 204 else []
        return wrong

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        anna = pool.submit(operate, "anna", "a", "b")
        bert = pool.submit(operate, "bert", "b", "a")
        assert anna.result() == [] and bert.result() == []
    assert ids_of(as_(daemon, "anna")) == made["a"][1::2]
    assert ids_of(as_(daemon, "bert")) == made["b"][1::2]


def test_a_user_owns_what_it_created_on_the_unix_socket(daemon, rights):
    user = pwd.getpwuid(NOBODY).pw_name
    write_rights(rights, {**SECTIONS, "user": peer_section("user", user, "operator", "photos/b/")})
    reload(daemon)
    r = ask_as(daemon, NOBODY, "POST", "/v1/jobs", body("b/", token="t"))
    assert r.status_code == 201 and r.json()["owner"] == f"user:{user}", r.text
    id = r.json()["id"]
    assert ids_of(as_(daemon, "bert")) == [id]
    assert create(as_(daemon, "bert"), body("b/", token="t"))["id"] != id
    assert ids_of(as_(daemon, "anna")) == []
    hidden = create(as_(daemon, "anna"), body("a/"))["id"]
    assert ask_as(daemon, NOBODY, "DELETE", f"/v1/jobs/{hidden}").status_code == 404
    assert ask_as(daemon, NOBODY, "POST", "/v1/jobs", body("a/")).status_code == 404


def test_the_owner_survives_a_restart_and_stands_in_the_file(daemon):
    anna = as_(daemon, "anna")
    job = create(anna, of_names("photos/a/0.png", "photos/a/1.png"))["id"]
    results_of(anna, job)
    file = json.loads((daemon.directory / f"state/jobs/{job}/job.json").read_text())
    assert file["owner"] == "token:anna" and file["keys_stores"] == "photos" and file["format"] == 1
    daemon.stop()
    daemon.start()
    assert as_(daemon, "anna").get(f"/v1/jobs/{job}").json()["owner"] == "token:anna"
    assert as_(daemon, "bert").get(f"/v1/jobs/{job}").status_code == 404
