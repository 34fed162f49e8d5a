# SPDX-License-Identifier: Apache-2.0
"""The files for Prometheus and Grafana match /metrics: checked by promtool, if installed (tools/deps test), and
by the names."""

import json
import re
import shutil
import subprocess
import time

import pytest
from conftest import ROOT, Daemon, grey_png, sanitizer_report

MONITORING = ROOT / "packaging/monitoring"
MADE_BY_PROMETHEUS = {"up"}


@pytest.fixture(scope="module")
def promtool():
    program = shutil.which("promtool") or ROOT / ".deps/promtool/usr/bin/promtool"
    if not shutil.which(program):
        pytest.skip("promtool is missing: tools/deps test fetches it")

    def run(*arguments, text=None):
        out = subprocess.run([program, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120)
        assert out.returncode == 0, out.stdout + out.stderr
        return out.stdout + out.stderr

    return run


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """With a model, an index, and jobs that ended in three ways."""
    root = tmp_path_factory.mktemp("monitoring")
    (root / "box").mkdir()
    for i in range(4):
        grey_png(root / f"photos/{i}.png", i)
    package = root / "models/quick"
    package.mkdir(parents=True)
    (package / "model.onnx").write_text("sleep 0")
    (package / "config.json").write_text('{"architectures": ["NullForImageClassification"], "model_type": "null"}')
    (package / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 8, "width": 8},
        "resample": 0, "do_rescale": False, "do_normalize": False}))
    (package / "situ.json").write_text('{"task": "feature-extraction"}')
    daemon = Daemon(root, ["--store", f"photos={root / 'photos'}", "--store", f"gone={root / 'gone'}",
                           "--store", f"box={root / 'box'}", "--models", root / "models", "--engine", "null"])
    daemon.run("quick", {"store": "photos"})
    r = daemon.post("/v1/indexes", {"name": "like", "model": "quick", "select": {"store": "photos"}})
    assert r.status_code == 201, r.text
    daemon.wait_for(lambda: daemon.get("/v1/indexes/like").json()["state"] == "ready", "the index")
    r = daemon.post("/v1/indexes/like/search", {"object": "photos/0.png"})
    assert r.status_code == 200, r.text
    yield daemon
    assert daemon.stop() == 0
    assert not sanitizer_report(daemon.log()), daemon.log()


def given(daemon):
    """{name: kind}"""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", daemon.get("/metrics").text, re.MULTILINE))


def named(expressions):
    """Names of metrics in PromQL, without the suffixes of histograms."""
    found = set()
    for text in expressions:
        text = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)', " ", text)
        found |= set(re.findall(r"\b(?:situ_\w+|process_\w+|up)\b", text))
    return {re.sub(r"(_seconds)_(bucket|sum|count)$", r"\1", name) for name in found}


def dashboard():
    return json.loads((MONITORING / "situ.dashboard.json").read_text())


def expressions_of_dashboard():
    board = dashboard()
    return ([target["expr"] for panel in board["panels"] for target in panel["targets"]]
            + [note["expr"] for note in board["annotations"]["list"]])


def test_jobs_build_and_start_are_told(daemon):
    now = daemon.metrics()
    version = daemon.status()["version"]
    assert now[f'situ_build_info{{version="{version}"}}'] == 1
    assert 0 <= time.time() - now["process_start_time_seconds"] < 600
    assert daemon.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
    states = {name: value for name, value in now.items() if name.startswith("situ_jobs{")}
    jobs = daemon.get("/v1/jobs").json()["jobs"]
    assert set(states) == {f'situ_jobs{{state="{state}"}}' for state in
                           ("waiting", "running", "paused", "done", "cancelled", "failed")}
    assert states['situ_jobs{state="done"}'] == sum(job["state"] == "done" for job in jobs) == 1
    assert sum(states.values()) >= len(jobs) and now["situ_jobs_stalled"] == 0
    assert now['situ_store_available{store="gone"}'] == 0 == 1 - now['situ_store_available{store="photos"}']
    assert now['situ_stores{state="unavailable"}'] == 1


def test_a_paused_job_is_stalled_where_it_waits_for_something(daemon):
    def paused():
        now = daemon.metrics()
        return now['situ_jobs{state="paused"}'], now["situ_jobs_stalled"]

    grey_png(daemon.directory / "box/a.png", 1)
    lost = daemon.start_job("quick", {"store": "box"}, standing=True, interval_s=1)["id"]
    held = daemon.start_job("quick", {"store": "box"}, standing=True)["id"]
    assert daemon.act(held, "pause").status_code == 200
    assert paused() == (1, 0)
    assert daemon.post("/v1/stores/box/detach", {}).status_code == 200
    daemon.wait_for(lambda: paused() == (2, 1), "the job to stall")
    assert daemon.post("/v1/stores/box/attach", {}).status_code == 200
    daemon.wait_for(lambda: paused() == (1, 0), "the job to go on", 30)
    for id in (held, lost):
        assert daemon.session.delete(f"{daemon.url}/v1/jobs/{id}").status_code == 204
    assert paused() == (0, 0)


def test_promtool_finds_nothing_wrong_with_the_metrics(daemon, promtool):
    assert promtool("check", "metrics", text=daemon.get("/metrics").text) == ""


def test_the_manual_lists_exactly_the_metrics_that_are_given(daemon):
    manual = (ROOT / "docs/man/situd.8.scd").read_text().partition("# METRICS")[2].partition("\n# ")[0]
    listed = re.findall(r"^((?:situ|process)_\w+) ", manual, re.MULTILINE)
    assert sorted(listed) == sorted(given(daemon))
    for name, kind in given(daemon).items():
        told = ("counter" if name.endswith("_total") else "histogram"
                if name.endswith("_seconds") and name != "process_start_time_seconds" else "gauge")
        assert kind == told, name


def test_rules_and_dashboard_name_metrics_that_are_given(daemon):
    known = set(given(daemon)) | MADE_BY_PROMETHEUS
    rules = re.findall(r"expr: (?:>-\n)?((?:.*\n)(?: {10}.*\n)*)", (MONITORING / "situ.rules.yml").read_text())
    assert len(rules) >= 10 and "situ_jobs_stalled" in named(rules)
    assert named(rules) - known == set()
    shown = named(expressions_of_dashboard())
    assert shown - known == set()
    left_out = {"situ_stores", "situ_cache_contents", "situ_cache_answers", "situ_cache_evictions_total",
                "situ_cache_dropped_total", "up"}
    assert known - shown == left_out, "a new metric needs a panel, or to be left out here"


def test_the_alerts_come_when_they_should(promtool, tmp_path):
    copy = shutil.copytree(MONITORING, tmp_path / "monitoring")
    assert "SUCCESS" in promtool("check", "rules", copy / "situ.rules.yml")
    assert "SUCCESS" in promtool("test", "rules", copy / "situ.rules.test.yml")


def test_the_expressions_of_the_dashboard_can_be_read(promtool, tmp_path):
    lines = ["groups:", "- name: dashboard", "  rules:"]
    for i, expression in enumerate(expressions_of_dashboard()):
        expression = expression.replace("$__rate_interval", "5m")
        lines += [f"  - record: dashboard:{i}", f"    expr: {json.dumps(expression)}"]
    (tmp_path / "rules.yml").write_text("\n".join(lines))
    promtool("check", "rules", tmp_path / "rules.yml")


def test_the_panels_of_the_dashboard_do_not_overlap():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 15
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
