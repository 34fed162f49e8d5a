# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed, each object of a job has one result, in order, and the same as ever."""
import os
import random
import signal
import time

from conftest import finish_job, job, keys_below, results, start_job

KILLS = 20


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
    seen = []  # what a client that counts lines has received so far
    # Kills at random moments, but spread over the whole job, so that all of them meet it running.
    marks = sorted((chance.uniform(0.02, 0.97), kind) for kind in ["situd", "worker"] * KILLS)
    done = {"situd": 0, "worker": 0}
    for share, kind in marks:
        deadline = time.monotonic() + 120
        while job(daemon, number)["results"] < share * len(wanted):
            assert time.monotonic() < deadline, job(daemon, number)
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        if kind == "worker":
            for pid in daemon.workers():
                os.kill(pid, signal.SIGKILL)
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
