# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed, each object of a job has one result, in order, and always the same."""
import os
import pathlib
import random
import signal
import time

from conftest import finish_job, job, keys_below, results, start_job

KILLS = 20


def await_results(daemon, number, count):
    deadline = time.monotonic() + 120
    while job(daemon, number)["results"] < count:
        assert time.monotonic() < deadline, job(daemon, number)
        time.sleep(0.005)


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_a_worker(daemon, number):
    """An existing one, while the job is not done: after another kill there may be none for a moment."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for pid in filter(lives, daemon.workers()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            assert job(daemon, number)["state"] != "done", "the job was over before all kills"
            return
        time.sleep(0.002)
    raise AssertionError(f"no worker to kill: {job(daemon, number)}")


def test_every_object_has_one_result_whatever_is_killed(restartable, many_photos, demo_models):
    args = ["--store", f"photos={many_photos}", "--models", demo_models, "--cache-size", "0"]
    wanted = [f"photos/{key}" for key in keys_below(many_photos)]

    calm = restartable(*args)
    daemon = calm.start()
    number = start_job(daemon, model="demo", select={"store": "photos"}, top=3)
    assert finish_job(daemon, number)["failed"] == 0
    undisturbed = results(daemon, number)
    assert [line["object"] for line in undisturbed] == wanted
    daemon.stop()

    chance = random.Random(5)
    array = restartable(*args)
    daemon = array.start()
    number = start_job(daemon, model="demo", select={"store": "photos"}, top=3)
    seen = []  # the lines that a client has received so far
    # Kills at random moments, but spread over the whole job, so that all of them hit it running.
    marks = sorted((chance.uniform(0.02, 0.97), kind) for kind in ["situd", "worker"] * KILLS)
    done = {"situd": 0, "worker": 0}
    for share, kind in marks:
        await_results(daemon, number, share * len(wanted))
        time.sleep(chance.uniform(0, 0.05))
        if kind == "worker":
            kill_a_worker(daemon, number)
            done[kind] += 1
            continue
        seen += results(daemon, number, after=len(seen))
        array.kill()
        done[kind] += 1
        daemon = array.start()
        assert job(daemon, number)["results"] >= len(seen), "what a client has received is gone"
    assert done == {"situd": KILLS, "worker": KILLS}
    assert finish_job(daemon, number)["failed"] == 0
    whole = results(daemon, number)
    assert [line["object"] for line in whole] == wanted
    assert whole == undisturbed
    assert whole[:len(seen)] == seen
