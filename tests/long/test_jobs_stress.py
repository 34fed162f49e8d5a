# SPDX-License-Identifier: Apache-2.0
"""All requests about jobs, at random and at once, while situd and its workers are killed: no line is lost,
doubled, reordered or changed, no stream reports more than is true, nothing is left over.

$SITU_STRESS_SECONDS (default 45) and $SITU_STRESS_SEED (default 1) set the duration and the random choices.
"""
import json
import os
import pathlib
import random
import signal
import threading
import time

import requests
from conftest import grey_png

SECONDS = float(os.environ.get("SITU_STRESS_SECONDS", "45"))
SEED = int(os.environ.get("SITU_STRESS_SEED", "1"))
ACTORS = 6
ENDS = ("done", "failed", "cancelled")
STOP_SECONDS = 11  # LIMIT_STOP_MS and a little
ODD_NAMES = [b'quote".png', b'a,"log":"c 00000000"}.png', b"new\nline.png", b"return\r.png",
             b"per%20cent.png", b"\xc3\xa9.png", b"not-utf8-\xff.png", b"\xf4\x90\x80\x80.png",
             b"back\\slash.png", b"{}.png", b"\xef\xbb\xbfbom.png", b" space .png"]


def make_store(root):
    """Objects that do not change, one in eight of which cannot be decoded, and some that do."""
    count = 0
    for value in range(220):
        path = root / f"still/{value % 7}/{value:03}.png"
        if value % 8 == 7:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"no picture {value}")
        else:
            grey_png(path, value)
        count += 1
    for value, name in enumerate(ODD_NAMES):
        grey_png(root / "odd.png", 230 + value)
        os.rename(root / "odd.png", os.path.join(os.fsencode(root / "still"), name))
        count += 1
    for value in range(40):
        grey_png(root / f"moving/{value:02}.png", value)
    return count


class Job:
    """What is known of a job: which lines it must have, as far as that is certain."""

    def __init__(self, number, wanted, standing=False):
        self.number = number
        self.wanted = wanted  # texts; None: its objects change
        self.standing = standing
        self.seen = {}  # by index
        self.deleting = False
        self.keep = True


class Stress:
    def __init__(self, daemon, store, seed):
        self.daemon = daemon
        self.store = store
        self.seed = seed
        self.lock = threading.Lock()
        self.jobs = {}
        self.wrong = []
        self.generation = 0  # odd while situd is down
        self.over = threading.Event()
        self.calm = []  # the undisturbed lines of still/
        self.counts = {}

    # ---- asking ----

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def complain(self, text):
        with self.lock:
            self.wrong.append(text)
        self.over.set()

    def ask(self, method, path, allowed, **kw):
        """The answer, or None if situd was down meanwhile."""
        before = self.generation
        try:
            answer = requests.request(method, self.daemon.url + path, timeout=40, **kw)
        except requests.exceptions.RequestException as e:
            if before == self.generation and before % 2 == 0:
                time.sleep(0.3)  # the killer announces it before it kills
                if before == self.generation:
                    self.complain(f"{method} {path}: {e!r}")
            return None
        if answer.status_code == 503 and (before != self.generation or before % 2 == 1):
            return None
        if answer.status_code not in allowed:
            self.complain(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def some_job(self, chance):
        with self.lock:
            alive = [job for job in self.jobs.values() if not job.deleting]
            return chance.choice(alive) if alive else None

    # ---- actors ----

    def create(self, chance):
        kind = chance.choice(["prefix", "prefix", "moving", "keys", "streamed", "standing", "glob"])
        # The cache is off if order and limits need real work.
        body = {"model": "quick", "output": {"labels": False}, "top": 2,
                "priority": chance.randrange(10), "cache": chance.random() < 0.5}
        wanted = self.calm
        if kind == "keys" or kind == "streamed":
            wanted = chance.sample(self.calm, chance.randrange(1, 120))
            # Names that are not keys are percent-encoded in lines, and are other names in a list.
            wanted = [line for line in wanted if "%" not in line and "\\n" not in line and
                      "\\r" not in line]
            if not wanted:
                return
        names = [json.loads(line)["object"] for line in wanted]
        if kind == "streamed":
            text = "".join(name + chance.choice(["\n", "\r\n"]) for name in names).encode()
            answer = self.ask("POST", "/v1/jobs?model=quick&labels=0&top=2&cache=0", (201, 429),
                              data=text, headers={"Content-Type": "application/octet-stream"})
        else:
            body["select"] = {
                "prefix": {"store": "photos", "prefix": "still/"},
                "standing": {"store": "photos", "prefix": "still/"},
                "moving": {"store": "photos", "prefix": "moving/"},
                "glob": {"store": "photos", "prefix": "still/", "glob": "**/*.png"},
                "keys": {"keys": names}}[kind]
            if kind == "standing":
                body.update(standing=True, interval_s=1)
            if kind == "moving":
                wanted = None
                body.update(standing=chance.random() < 0.5, interval_s=1)
            answer = self.ask("POST", "/v1/jobs", (201, 429), json=body)
        if answer is not None and answer.status_code == 201:
            number = answer.json()["id"]
            with self.lock:
                self.jobs[number] = Job(number, wanted, bool(body.get("standing")))
        self.count("create " + kind)

    def act(self, chance):
        job = self.some_job(chance)
        action = chance.choice(["pause", "resume", "resume", "cancel", "retry"])
        if not job or (action == "cancel" and chance.random() < 0.6):
            return
        allowed = (201, 409, 404) if action == "retry" else (200, 404, 409)
        answer = self.ask("POST", f"/v1/jobs/{job.number}/{action}", allowed, json={})
        if answer is None:
            return
        self.count(f"{action} {answer.status_code}")
        if answer.status_code == 404 and not job.deleting:
            self.complain(f"{action} of {job.number}: it is gone")
        if answer.status_code == 200:
            state = answer.json()["state"]
            if action == "cancel" and state != "cancelled":
                self.complain(f"cancelled {job.number} is {state}")
        if answer.status_code == 201 and job.wanted is not None:
            with self.lock:
                number = answer.json()["id"]
                self.jobs[number] = Job(number, None)
        elif answer.status_code == 201:
            with self.lock:
                self.jobs[answer.json()["id"]] = Job(answer.json()["id"], None)

    def remove(self, chance):
        job = self.some_job(chance)
        if not job or len(self.jobs) < 12:
            return
        job.deleting = True
        answer = self.ask("DELETE", f"/v1/jobs/{job.number}", (204, 404))
        self.count("remove")
        if answer is None:  # it may or may not be there
            return
        with self.lock:
            self.jobs.pop(job.number, None)
        self.ask("GET", f"/v1/jobs/{job.number}", (404,))

    def look(self, chance):
        del chance
        answer = self.ask("GET", "/v1/jobs", (200,))
        if answer is None:
            return
        for info in answer.json()["jobs"]:
            gone = info.get("gone", 0)  # an object removed before its turn; nothing in still/ is
            if info["state"] == "done" and info["results"] + gone != info["selected"]:
                self.complain(f"done, but not all: {info}")
            if gone and info["select"].get("prefix", "").startswith("still/"):
                self.complain(f"gone, though nobody removed it: {info}")
            if info["failed"] > info["results"] or info["cached"] > info["results"]:
                self.complain(f"sums: {info}")

    def take_line(self, job, index, text):
        known = job.seen.setdefault(index, text)
        if known != text:
            self.complain(f"job {job.number} line {index}: was {known}, is {text}")
        if job.wanted is None:
            return
        if index >= len(job.wanted):
            self.complain(f"job {job.number} line {index} is one too many: {text}")
        elif text != job.wanted[index]:
            self.complain(f"job {job.number} line {index}: {text}, not {job.wanted[index]}")

    def follow(self, chance, job=None, whole=False):
        job = job or self.some_job(chance)
        if not job:
            return None
        after = 0 if whole else chance.choice([0, chance.randrange(0, 240)])
        wait = not whole and chance.random() < 0.6
        leave = None if whole else time.monotonic() + chance.uniform(0.05, 3)
        before = self.generation
        index = after
        last = {}
        query = f"after={after}&wait={int(wait)}&progress={chance.randrange(2)}"
        # An irregular client: small pieces, pauses, and disconnects at any moment.
        try:
            with requests.get(f"{self.daemon.url}/v1/jobs/{job.number}/results?{query}",
                              stream=True, timeout=40) as answer:
                if answer.status_code in (400, 404):
                    if answer.status_code == 404 and not job.deleting:
                        self.complain(f"follow {job.number}: {answer.text}")
                    return None
                if answer.status_code != 200:
                    if answer.status_code != 503 or before == self.generation:
                        self.complain(f"follow {job.number}: {answer.status_code} {answer.text}")
                    return None
                for text in answer.iter_lines(chunk_size=chance.choice([1, 7, 4096])):
                    if leave and time.monotonic() > leave:
                        self.count("left")
                        return None
                    if not text:
                        continue
                    text = text.decode()
                    last = json.loads(text)
                    if "object" in last:
                        self.take_line(job, index, text)
                        index += 1
                    if leave and chance.random() < 0.01:
                        time.sleep(chance.uniform(0, 0.3))
        except requests.exceptions.RequestException:
            time.sleep(0.3)
            if before == self.generation and before % 2 == 0:
                self.complain(f"stream of {job.number} was cut, and situd was not")
            return None
        self.check_last(job, last, index, before)
        return last

    def check_last(self, job, last, index, before):
        if "more" in last:
            if last["more"]["after"] != index:
                self.complain(f"job {job.number}: {last} behind line {index}")
            return
        if "done" not in last:
            if before == self.generation:
                self.complain(f"stream of {job.number} ends with {last}")
            return
        done = last["done"]
        self.count("streams to the end")
        if done["state"] not in ENDS:
            self.complain(f"stream of {job.number} ends in no end: {last}")
        if done["objects"] != index:
            self.complain(f"stream of {job.number} is done at line {index}: {last}")
        if done["state"] == "done" and job.wanted is not None and index != len(job.wanted):
            self.complain(f"stream of {job.number} is done at {index} of {len(job.wanted)}: {last}")

    def disturb(self, chance):
        """The objects of moving/ are added, removed, changed and replaced; workers die."""
        path = self.store / f"moving/{chance.randrange(60):02}.png"
        what = chance.choice(["remove", "write", "touch", "replace", "directory", "worker"])
        try:
            if what == "remove":
                path.unlink()
            elif what == "write":
                grey_png(path, chance.randrange(250))
            elif what == "touch":
                os.utime(path)
            elif what == "replace":
                other = path.with_suffix(f".{threading.get_ident()}")
                grey_png(other, chance.randrange(250))
                os.rename(other, path)
            elif what == "directory":
                os.rename(self.store / "moving", self.store / "moved")
                time.sleep(chance.uniform(0, 0.1))
                os.rename(self.store / "moved", self.store / "moving")
            elif chance.random() < 0.1:
                for pid in self.daemon.workers():
                    os.kill(pid, signal.SIGKILL)
        except OSError:
            pass

    def clear(self, chance):
        if chance.random() < 0.2:
            self.ask("DELETE", "/v1/cache", (204, 503))

    def actor(self, number):
        chance = random.Random(self.seed * 1000 + number)
        doings = [self.create] * 2 + [self.act] * 5 + [self.remove] + [self.follow] * 5 + \
                 [self.look, self.disturb, self.disturb, self.clear]
        while not self.over.is_set():
            if self.generation % 2 == 1:
                time.sleep(0.02)
                continue
            try:
                chance.choice(doings)(chance)
            except Exception as e:  # pylint: disable=broad-except
                self.complain(f"actor {number}: {e!r}")
                raise

    # ---- interruptions of situd ----

    def restart(self, chance):
        with self.lock:
            self.generation += 1
            seen = {job.number: len(job.seen) and max(job.seen) + 1 for job in self.jobs.values()
                    if not job.deleting}
        if chance.random() < 0.6:
            self.daemon.kill()
            self.count("killed")
        else:
            began = time.monotonic()
            if self.daemon.stop() != 0 or time.monotonic() - began > STOP_SECONDS:
                self.complain(f"stop took {time.monotonic() - began:.1f} s")
            self.count("stopped")
        self.daemon.start()
        listed = {job["id"]: job for job in self.daemon.get("/v1/jobs").json()["jobs"]}
        for number, lines in seen.items():
            if self.jobs[number].deleting:
                continue
            if number not in listed:
                self.complain(f"job {number} is gone after a restart")
            elif listed[number]["results"] < lines:
                self.complain(f"{lines} lines of job {number} were seen: {listed[number]}")
        with self.lock:
            for number in listed:  # created by a call whose answer was cut
                self.jobs.setdefault(number, Job(number, None))
            self.generation += 1

    def run(self, seconds):
        chance = random.Random(self.seed)
        actors = [threading.Thread(target=self.actor, args=(i,)) for i in range(ACTORS)]
        for thread in actors:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.over.is_set():
            time.sleep(chance.uniform(2, 9))
            if not self.over.is_set():
                self.restart(chance)
        self.over.set()
        for thread in actors:
            thread.join(60)
            assert not thread.is_alive(), "an actor hangs"

    def settle(self):
        """Everything is resumed and runs to its end."""
        deadline = time.monotonic() + 90
        while True:
            jobs = self.daemon.get("/v1/jobs").json()["jobs"]
            left = [j for j in jobs if not (j["state"] in ENDS or (j["standing"] and j["idle"]))]
            for job in left:
                if job["state"] == "paused" and not job["reason"]:
                    self.daemon.post(f"/v1/jobs/{job['id']}/resume", {})
            if not left:
                return
            assert time.monotonic() < deadline, left
            time.sleep(0.2)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def test_jobs_under_everything_at_once(situd, tmp_path, null_models):
    root = tmp_path / "store"
    count = make_store(root)
    daemon = situd("--store", f"photos={root}", "--models", null_models(quick="sleep 2"),
                   "--engine", "null")
    stress = Stress(daemon, root, SEED)
    job = daemon.start_job("quick", {"store": "photos", "prefix": "still/"}, top=2,
                           output={"labels": False}, cache=False)
    daemon.wait_for_job(job["id"], "done")
    text = requests.get(f"{daemon.url}/v1/jobs/{job['id']}/results", timeout=60).text
    stress.calm = [line for line in text.splitlines() if line.startswith('{"object"')]
    assert len(stress.calm) == count
    stress.run(SECONDS)
    print(f"seed {SEED}: {stress.counts}")
    assert not stress.wrong, "\n".join(stress.wrong[:20])
    stress.settle()
    chance = random.Random(0)
    for known in list(stress.jobs.values()):
        if not known.deleting:
            stress.follow(chance, known, whole=True)
    assert not stress.wrong, "\n".join(stress.wrong[:20])
    for job in daemon.get("/v1/jobs").json()["jobs"]:
        answer = daemon.session.delete(f"{daemon.url}/v1/jobs/{job['id']}", timeout=30)
        assert answer.status_code in (204, 404), answer.text
    assert daemon.get("/v1/jobs").json()["jobs"] == []
    jobs = pathlib.Path(daemon.directory / "state/jobs")
    daemon.wait_for(lambda: set(os.listdir(jobs)) <= {"ages"}, f"{jobs} to hold no job")
    # A quiet job in a situd after the last round, and in a new one: the same number of each.
    wait_until_quiet(daemon)
    used = descriptors(daemon.process.pid), threads(daemon.process.pid)
    daemon.stop()
    daemon.start()
    job = daemon.start_job("quick", {"store": "photos", "prefix": "still/"}, cache=False)
    daemon.wait_for_job(job["id"], "done")
    daemon.session.delete(f"{daemon.url}/v1/jobs/{job['id']}", timeout=30)
    wait_until_quiet(daemon)
    fresh = descriptors(daemon.process.pid), threads(daemon.process.pid)
    assert used[0] <= fresh[0] + 4 and used[1] <= fresh[1] + 2, f"used {used}, fresh {fresh}"


def wait_until_quiet(daemon):
    """The server notices the connections of clients that left one by one."""
    daemon.wait_for(lambda: daemon.status()["connections"] <= 1, "connections to close", 60)
