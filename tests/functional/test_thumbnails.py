# SPDX-License-Identifier: Apache-2.0
"""Thumbnails of stored pictures: how they look, what is refused, who makes them."""

import io
import os
import pathlib
import signal
import threading
import time

import pytest
import requests
from conftest import BUILD, grey_png

Image = pytest.importorskip("PIL.Image")
Image.MAX_IMAGE_PIXELS = None


def picture(size, mode="RGB"):
    """Red grows to the right, green downwards; similar in other modes."""
    bands = [Image.linear_gradient("L").rotate(90), Image.linear_gradient("L"), Image.new("L", (256, 256), 60),
             Image.new("L", (256, 256), 200)]
    return Image.merge(mode, bands[:len(Image.new(mode, (1, 1)).getbands())]).resize(size)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("thumbnails") / "photos"
    (root / "sub").mkdir(parents=True)
    picture((640, 480)).save(root / "wide.jpg")
    picture((480, 640)).save(root / "sub/high ü%.png")
    picture((100, 50)).save(root / "small.webp", lossless=True)
    picture((1, 1)).save(root / "dot.png")
    picture((30000, 1)).save(root / "line.jpg")
    picture((400, 300), "CMYK").save(root / "cmyk.jpg")
    picture((400, 300)).convert("L").save(root / "grey.jpg")
    picture((400, 300)).quantize(60).save(root / "palette.png")
    alpha = picture((400, 300))
    alpha.putalpha(0)
    alpha.paste((0, 0, 255, 255), (0, 0, 200, 300))
    alpha.save(root / "alpha.png")
    alpha.save(root / "alpha.webp", lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture((640, 480)).save(root / "turned.jpg", exif=exif)
    (root / "broken.jpg").write_bytes((root / "wide.jpg").read_bytes()[:3000])
    (root / "text.txt").write_text("no picture")
    (root / "empty.jpg").write_bytes(b"")
    return root


@pytest.fixture
def null(situd, photos, null_models):
    return situd("--store", f"photos={photos}", "--models", null_models(model="sleep 0"),
                 "--engine", "null")


def ask(daemon, name, **query):
    return daemon.get(f"/v1/thumbnails/{requests.utils.quote(name)}", params=query)


def shown(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    assert image.format == "JPEG" and not image.getexif()
    return image


def test_every_kind_of_picture_has_one(null):
    for name, size in {"wide.jpg": (160, 120), "sub/high ü%.png": (120, 160), "small.webp": (100, 50),
                       "dot.png": (1, 1), "line.jpg": (160, 1), "cmyk.jpg": (160, 120),
                       "grey.jpg": (160, 120), "palette.png": (160, 120), "alpha.png": (160, 120),
                       "alpha.webp": (160, 120), "turned.jpg": (120, 160)}.items():
        assert shown(ask(null, f"photos/{name}")).size == size, name
    assert shown(ask(null, "photos/grey.jpg")).mode == "L"
    image = shown(ask(null, "photos/alpha.png")).convert("RGB")
    assert image.getpixel((20, 60))[2] > 240 and image.getpixel((20, 60))[0] < 15
    assert min(image.getpixel((140, 60))) > 250  # nothing there: white
    image = shown(ask(null, "photos/turned.jpg"))  # a quarter to the right: red grows downwards
    assert image.getpixel((60, 150))[0] - image.getpixel((60, 10))[0] > 150
    assert image.getpixel((10, 80))[1] - image.getpixel((110, 80))[1] > 150


def test_the_edge_is_chosen_within_bounds(null):
    for edge, size in {16: (16, 12), 33: (33, 25), 512: (512, 384)}.items():
        assert shown(ask(null, "photos/wide.jpg", edge=edge)).size == size
    for edge in ("15", "513", "0", "-16", "big", "", "160.5", "99999999999999999999"):
        r = ask(null, "photos/wide.jpg", edge=edge)
        assert (r.status_code, r.json()["code"]) == (400, "malformed"), (edge, r.text)
    larger = ask(null, "photos/wide.jpg", edge=512)
    assert len(ask(null, "photos/wide.jpg", edge=16).content) < len(larger.content)


def test_head_tells_of_it_without_sending_it(null):
    r = null.session.head(f"{null.url}/v1/thumbnails/photos/wide.jpg", timeout=30)
    assert r.status_code == 200 and r.headers["Content-Type"] == "image/jpeg" and not r.content


@pytest.mark.parametrize("name,status,code", [
    ("photos/broken.jpg", 422, "undecodable"), ("photos/text.txt", 422, "undecodable"),
    ("photos/empty.jpg", 422, "undecodable"), ("photos/sub", 422, "unfit"),
    ("photos/none.jpg", 404, "not_found"), ("other/wide.jpg", 404, "not_found"),
    ("photos", 400, "malformed"), ("photos/../photos/wide.jpg", 400, "malformed"),
])
def test_what_has_none_is_told_as_of_any_object(null, name, status, code):
    path = name.replace("..", "%2e%2e")
    r = requests.get(f"{null.url}/v1/thumbnails/{path}", timeout=30)
    assert (r.status_code, r.json()["code"]) == (status, code), r.text
    assert shown(ask(null, "photos/wide.jpg")).size == (160, 120)


def test_a_page_of_another_origin_is_not_to_show_it(null):
    headers = ask(null, "photos/wide.jpg").headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not {"Cache-Control", "Expires", "Last-Modified"} & set(headers)


# ---- who makes it ----

def test_without_an_image_model_there_is_none(situd, photos, tmp_path, null_models):
    daemon = situd("--store", f"photos={photos}")
    r = ask(daemon, "photos/wide.jpg")
    assert (r.status_code, r.json()["code"]) == (404, "not_found") and "model" in r.json()["error"]
    r = ask(daemon, "photos/wide.jpg", model="none")
    assert (r.status_code, r.json()["code"]) == (404, "not_found")


def test_a_worker_that_is_there_is_taken(situd, photos, null_models):
    daemon = situd("--store", f"photos={photos}", "--engine", "null",
                   "--models", null_models(alpha="sleep 0", beta="sleep 0", gamma="sleep 0"))
    assert daemon.infer("beta", "photos/wide.jpg").status_code == 200
    workers = daemon.workers()
    shown(ask(daemon, "photos/wide.jpg"))
    assert daemon.workers() == workers  # not alpha's
    shown(ask(daemon, "photos/wide.jpg", model="gamma"))
    assert len(daemon.workers()) == 2
    loaded = {m["name"] for m in daemon.get("/v1/models").json()["models"] if m["loaded"]}
    assert loaded == {"beta", "gamma"}
    assert ask(daemon, "photos/wide.jpg", model="delta").status_code == 404


def test_a_model_that_cannot_be_loaded_is_passed_over(situd, photos, null_models):
    daemon = situd("--store", f"photos={photos}", "--engine", "null",
                   "--models", null_models(alpha="nonsense here", beta="sleep 0"))
    assert daemon.infer("alpha", "photos/wide.jpg").status_code >= 400
    shown(ask(daemon, "photos/wide.jpg"))


def test_it_runs_no_model_and_leaves_the_result_cache_alone(null):
    for _ in range(2):
        shown(ask(null, "photos/wide.jpg"))
    metrics = null.metrics()
    assert metrics['situ_stage_seconds_count{stage="run"}'] == 0
    assert metrics['situ_stage_seconds_count{stage="decode"}'] == 2
    cache = null.get("/v1/cache").json()
    assert cache["entries"] == {"contents": 0, "answers": 0} and sum(cache["misses"].values()) == 0


def test_it_goes_before_jobs(situd, tmp_path, photos, null_models):
    for value in range(30):
        grey_png(tmp_path / f"many/{value:02}.png", value)
    daemon = situd("--store", f"photos={photos}", "--store", f"many={tmp_path / 'many'}", "--engine",
                   "null", "--models", null_models(slow="sleep 100", quick="sleep 0"), "--lanes", "1")
    shown(ask(daemon, "photos/wide.jpg", model="quick"))
    keys = [f"many/{value:02}.png" for value in range(30)] * 20
    id = daemon.start_job("slow", {"keys": keys})["id"]
    daemon.wait_for(lambda: daemon.job(id)["results"] > 0, "a first result")
    before = daemon.job(id)["results"]
    shown(ask(daemon, "photos/wide.jpg", model="quick"))
    after = daemon.act(id, "cancel").json()
    assert after["state"] == "cancelled"
    assert after["results"] - before < 32  # of 64 that were queued before it


# ---- pictures in the real sandbox ----

@pytest.mark.photos
def test_photos_in_the_sandbox_of_a_real_model(shared_situd, corpus):
    sizes = []
    for path in corpus.paths[::3]:
        answer = ask(shared_situd, f"photos/{path.name}")
        image = shown(answer)
        with Image.open(path) as original:
            longer = max(original.size)
            wanted = [max(1, round(e * min(1, 160 / longer))) for e in original.size]
        assert all(abs(a - b) <= 1 for a, b in zip(image.size, wanted)), path.name
        sizes.append(len(answer.content))
    assert sum(sizes) / len(sizes) < 8000 and max(sizes) < 16000
    assert "sandbox_violation" not in shared_situd.log()


def test_the_worker_does_not_grow(null, photos):
    if "SITU_SANITIZER" in os.environ:
        pytest.skip("a sanitizer keeps what is freed")

    def resident():
        status = pathlib.Path(f"/proc/{null.workers()[0]}/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0])

    names = ["wide.jpg", "sub/high ü%.png", "small.webp", "line.jpg", "cmyk.jpg", "alpha.png",
             "alpha.webp", "turned.jpg", "broken.jpg", "text.txt"]

    def round_trip(count):
        for i in range(count):
            ask(null, f"photos/{names[i % len(names)]}", edge=(16, 160, 512)[i % 3])

    # A lane whose first picture comes late grows once; a leak grows in each round.
    round_trip(120)
    sizes = [resident()]
    for _ in range(4):
        round_trip(200)
        sizes.append(resident())
    assert min(after - before for before, after in zip(sizes, sizes[1:])) < 600, f"kB: {sizes}"


# ---- workers that die, hang or lie ----

@pytest.fixture
def slow(situd, photos, null_models, tmp_path):
    """A daemon with a picture that takes most of a second: 144 million pixels in few bytes."""
    (tmp_path / "slow").mkdir()
    Image.new("1", (12000, 12000), 1).save(tmp_path / "slow/large.png")

    def start(*args):
        return situd("--store", f"slow={tmp_path / 'slow'}", "--store", f"photos={photos}",
                     "--models", null_models(model="sleep 0"), "--engine", "null", *args)
    return start


def in_flight(daemon, answers):
    """Requests the slow one on a thread; returns when a lane has it."""
    thread = threading.Thread(target=lambda: answers.append(
        requests.get(f"{daemon.url}/v1/thumbnails/slow/large.png", timeout=60)))
    thread.start()
    daemon.wait_for(lambda: daemon.status()["lanes_busy"] > 0, "the lane to be busy")
    return thread


def test_a_worker_killed_in_the_middle_costs_no_answer(slow):
    daemon = slow()
    shown(ask(daemon, "photos/wide.jpg"))
    answers = []
    os.kill(daemon.workers()[0], signal.SIGSTOP)  # so that it is not done before the kill
    thread = in_flight(daemon, answers)
    os.kill(daemon.workers()[0], signal.SIGKILL)
    thread.join(60)
    assert shown(answers[0]).size == (160, 160)
    assert daemon.status()["workers_restarted"] >= 1


def test_one_that_takes_too_long_meets_the_deadline(slow):
    daemon = slow("--object-seconds", "4")
    shown(ask(daemon, "photos/wide.jpg"))
    answers = []
    os.kill(daemon.workers()[0], signal.SIGSTOP)
    thread = in_flight(daemon, answers)
    thread.join(60)
    assert (answers[0].status_code, answers[0].json()["code"]) == (504, "deadline")
    shown(ask(daemon, "photos/wide.jpg"))


def test_a_client_that_leaves_is_forgotten(slow):
    daemon = slow()
    shown(ask(daemon, "photos/wide.jpg"))
    for _ in range(5):
        with pytest.raises(requests.exceptions.Timeout):
            requests.get(f"{daemon.url}/v1/thumbnails/slow/large.png", timeout=0.05)
    daemon.wait_for(lambda: daemon.status()["queue"] == 0 and daemon.status()["lanes_busy"] == 0,
                    "the lanes to be free", 30)
    shown(ask(daemon, "photos/wide.jpg"))


@pytest.mark.parametrize("mode,status,code", [
    ("honest", 200, None), ("large", 422, "worker_crashed"), ("empty", 422, "worker_crashed"),
    ("rank_two", 422, "worker_crashed"), ("float", 422, "worker_crashed"),
    ("duplicate", 422, "worker_crashed"), ("outside", 422, "worker_crashed"),
    ("wraps", 422, "worker_crashed"), ("unasked", 422, "worker_crashed"),
    ("own_word", 422, "worker_crashed"), ("odd_text", 422, "unfit"),
    ("no_outputs", 422, "worker_crashed"),
])
def test_an_answer_that_lies_harms_nobody(situd, photos, null_models, mode, status, code):
    worker = BUILD / "tests/unit/infer/hostile_worker"
    if not worker.exists():
        pytest.skip("hostile_worker is not built")
    daemon = situd("--store", f"photos={photos}", "--models", null_models(model=mode),
                   "--engine", "null", "--worker", worker, "--object-seconds", "2")
    r = ask(daemon, "photos/wide.jpg")
    if code:
        assert (r.status_code, r.json()["code"]) == (status, code), r.text
    else:
        assert (r.status_code, len(r.content)) == (status, 64)
    assert daemon.status()["state"] == "ready"
