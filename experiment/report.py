# SPDX-License-Identifier: Apache-2.0
"""Writes a page from the raw figures: tables, three kinds of plots, and checks of the claims."""
import html
import pathlib

from systems import SYSTEMS

ORDER = list(SYSTEMS)
COLORS = {"compact": "#0b6e4f", "v2": "#6bbf59", "host": "#c44536", "node": "#e09f3e", "tensor": "#3d5a80",
          "tensor-json": "#98c1d9", "bulk": "#14453d", "search": "#0b6e4f", "retrieve": "#c44536"}
LATENCY_SAVED = 0.35  # the paper's claim
TITLES = {"latency": "Single requests, one core each", "large": "Photos of 12 megapixels",
          "slow": "The array at half a core", "two": "Two cores on each side",
          "open": "Poisson arrivals", "bulk": "All photos at once", "retrieval": "Retrieval: the ten photos most like one that is new"}


def picked(raw, part):
    return [entry for entry in raw["entries"] if entry["part"] == part]


def groups(entries, *keys):
    found = {}
    for entry in entries:
        found.setdefault(tuple(entry[key] for key in keys), []).append(entry)
    return found


def wire(entry):
    return entry["median"]["up_bytes"] + entry["median"]["down_bytes"]


# ---- checks ----

def saved_bytes(raw, part, system, baseline, limit, what):
    checks = []
    for (setting, link), entries in groups(picked(raw, part), "setting", "link").items():
        by = {entry["system"]: entry for entry in entries}
        if system in by and baseline in by and link != "unlimited":
            saved = 1 - wire(by[system]) / wire(by[baseline])
            checks.append({"good": saved > limit, "text": f"{what}, {setting}, {link}: {saved:.2%} less on "
                           f"the wire (more than {limit:.1%} wanted)"})
    return checks


def latency_checks(raw):
    checks = []
    bottleneck = {"latency": ("100 Mbit/s",), "large": ("1 Gbit/s",)}
    for part in ("latency", "large"):
        for (setting, link), entries in groups(picked(raw, part), "setting", "link").items():
            by = {entry["system"]: entry["median"]["mean"] for entry in entries}
            if "compact" not in by or "host" not in by:
                continue
            ours = by["compact"]
            small = part == "large" or not setting.startswith("resnet")
            if link in bottleneck[part] and small:
                saved = 1 - ours / by["host"]
                checks.append({"good": saved >= LATENCY_SAVED, "text": f"{setting}, {link}: mean latency "
                               f"{saved:.1%} shorter than with {SYSTEMS['host'][0]} (35 % wanted)"})
            for other in ("node", "tensor", "tensor-json"):
                if other in by:
                    checks.append({"good": ours < by[other], "text": f"{setting}, {link}: {ours:.2f} ms, "
                                   f"{SYSTEMS[other][0]} {by[other]:.2f} ms (shorter wanted)"})
            worse = ours - by["host"]
            checks.append({"good": worse <= max(0.03 * by["host"], 0.15), "text": f"{setting}, {link}: "
                           f"{ours:.2f} ms against {by['host']:.2f} ms for {SYSTEMS['host'][0]} "
                           "(never worse than 3 % or 0.15 ms wanted)"})
    return checks


def make_checks(raw):
    return (saved_bytes(raw, "latency", "compact", "host", 0.995, "compact GET")
            + saved_bytes(raw, "latency", "v2", "host", 0.99, "V2 request")
            + saved_bytes(raw, "retrieval", "search", "retrieve", 0.985, "search")
            + saved_bytes(raw, "bulk", "bulk", "host", 0.999, "bulk") + latency_checks(raw))


# ---- plots ----

def plots(out, raw):
    try:
        import matplotlib
    except ImportError:
        found = sorted(path.name for path in out.glob("*.png"))  # plots of the run whose page is written again
        if not found:
            raw["notes"].append("No plots: matplotlib is missing (Debian: python3-matplotlib).")
        return found
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pyplot.rcParams.update({"figure.figsize": (7.5, 4.4), "figure.dpi": 110, "axes.grid": True,
                            "grid.alpha": 0.3, "font.size": 9})
    made = []
    for part in ("latency", "large", "slow", "two"):
        for (setting,), entries in groups(picked(raw, part), "setting").items():
            made.append(plot_latency(pyplot, out, raw, part, setting, entries))
    for (setting, link), entries in groups(picked(raw, "open"), "setting", "link").items():
        made.append(plot_goodput(pyplot, out, setting, link, entries))
    entries = [e for e in picked(raw, "latency") if e["link"] == "1 Gbit/s"]
    if entries:
        made.append(plot_bytes(pyplot, out, entries))
    return made


def save(pyplot, out, name):
    pyplot.tight_layout()
    pyplot.savefig(out / name)
    pyplot.close()
    return name


def break_even(by_link, links):
    """The link speed in Mbit/s from which fetching is as fast as situ; None: at none of the speeds."""
    speeds = [(links[link], by_link[link]) for link in links if links[link] and link in by_link]
    for (slow, (ours_a, host_a)), (fast, (ours_b, host_b)) in zip(speeds, speeds[1:]):
        if host_a > ours_a and host_b <= ours_b:
            share = (host_a - ours_a) / ((host_a - ours_a) + (ours_b - host_b))
            return slow * (fast / slow) ** share
    return None


def plot_latency(pyplot, out, raw, part, setting, entries):
    links = raw["links"]
    names = [link for link in links if any(e["link"] == link for e in entries)]
    for system in ORDER:
        mine = {e["link"]: e for e in entries if e["system"] == system}
        if mine:
            x = [i for i, link in enumerate(names) if link in mine]
            y = [mine[names[i]]["median"]["mean"] for i in x]
            low = [y[j] - mine[names[i]]["range"]["mean"][0] for j, i in enumerate(x)]
            high = [mine[names[i]]["range"]["mean"][1] - y[j] for j, i in enumerate(x)]
            pyplot.errorbar(x, y, yerr=[low, high], marker="o", capsize=3, color=COLORS[system],
                            label=SYSTEMS[system][0])
    both = {}
    for link in names:
        by = {e["system"]: e["median"]["mean"] for e in entries if e["link"] == link}
        if "compact" in by and "host" in by:
            both[link] = (by["compact"], by["host"])
    point = break_even(both, links)
    title = f"{TITLES[part]}: {setting}"
    if point:
        title += f"\nbreak-even with fetching at about {point:,.0f} Mbit/s"
    pyplot.title(title)
    pyplot.xticks(range(len(names)), names)
    pyplot.yscale("log")
    pyplot.ylabel("mean latency, ms")
    pyplot.legend(fontsize=7)
    return save(pyplot, out, f"{part}-{setting}.png")


def plot_goodput(pyplot, out, setting, link, entries):
    for system in ORDER:
        mine = sorted((e for e in entries if e["system"] == system), key=lambda e: e["rate"])
        for deadline, style in ((50, ":"), (100, "-"), (200, "--")):
            if mine:
                pyplot.plot([e["rate"] for e in mine], [e["rate"] * e["median"][f"inside_{deadline}"] for e in mine],
                            style, marker=".", color=COLORS[system],
                            label=f"{SYSTEMS[system][0]}, {deadline} ms" if deadline == 100 else None)
    pyplot.title(f"Answers inside the deadline, {setting}, {link}\n(dotted 50 ms, full 100 ms, dashed 200 ms)")
    pyplot.xlabel("offered load, requests a second")
    pyplot.ylabel("goodput, answers a second")
    pyplot.legend(fontsize=7)
    return save(pyplot, out, f"goodput-{setting}-{link.split()[0]}.png")


def plot_bytes(pyplot, out, entries):
    settings = sorted({e["setting"] for e in entries})
    width = 0.8 / len(ORDER)
    for j, system in enumerate(ORDER):
        mine = {e["setting"]: wire(e) for e in entries if e["system"] == system}
        if mine:
            pyplot.bar([i + j * width for i, s in enumerate(settings) if s in mine],
                       [mine[s] for s in settings if s in mine], width, color=COLORS[system], label=SYSTEMS[system][0])
    pyplot.yscale("log")
    pyplot.xticks([i + 0.3 for i in range(len(settings))], settings)
    pyplot.ylabel("bytes on the wire for one photo, both ways")
    pyplot.title("What crosses the network")
    pyplot.legend(fontsize=7)
    return save(pyplot, out, "bytes.png")


# ---- the page ----

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0;font-size:13px}td,th{padding:.25em .7em;border-bottom:1px solid #ddd;
text-align:right}td:first-child,th:first-child,td:nth-child(2){text-align:left}img{max-width:100%}
.good{color:#0b6e4f}.miss{color:#c44536}code{background:#f4f4f4;padding:.1em .3em}"""


def number(value, digits=2):
    return "" if value is None else f"{value:,.{digits}f}"


def table(entries):
    rows = ["<tr><th>link<th>system<th>mean ms<th>range<th>p50<th>p95<th>p99<th>bytes up<th>bytes down"
            "<th>host CPU ms<th>array CPU ms<th>latency, situ = 1</tr>"]
    for (link,), group in groups(entries, "link").items():
        ours = next((e["median"].get("mean") for e in group if e["system"] in ("compact", "search", "bulk")), None)
        for entry in sorted(group, key=lambda e: ORDER.index(e["system"])):
            m, r = entry["median"], entry["range"]
            ratio = m["mean"] / ours if ours and m.get("mean") else None
            rows.append("<tr>" + "".join(f"<td>{cell}" for cell in (
                link, html.escape(SYSTEMS[entry["system"]][0]), number(m.get("mean")),
                " to ".join(number(x) for x in r["mean"]) if "mean" in r else "", number(m.get("p50")),
                number(m.get("p95")), number(m.get("p99")), number(m["up_bytes"], 0), number(m["down_bytes"], 0),
                number(m["host_cpu_ms"]), number(m["array_cpu_ms"]), number(ratio))))
    return "<table>" + "\n".join(rows) + "</table>"


def open_table(entries):
    rows = ["<tr><th>offered/s<th>system<th>p50 ms<th>p99 ms<th>inside 50 ms<th>100 ms<th>200 ms</tr>"]
    for (share,), group in groups(entries, "share").items():
        for entry in sorted(group, key=lambda e: ORDER.index(e["system"])):
            m = entry["median"]
            rows.append("<tr>" + "".join(f"<td>{cell}" for cell in (
                f"{entry['rate']:.0f} ({share:.0%})", html.escape(SYSTEMS[entry["system"]][0]), number(m.get("p50")),
                number(m.get("p99")), *(f"{m[f'inside_{d}']:.1%}" for d in (50, 100, 200)))))
    return "<table>" + "\n".join(rows) + "</table>"


def does_not_pay(raw):
    lines = []
    for part in ("latency", "large", "slow", "two"):
        for (setting, link), entries in groups(picked(raw, part), "setting", "link").items():
            by = {e["system"]: e["median"]["mean"] for e in entries if e["median"].get("mean")}
            for other in ("host", "node", "tensor", "tensor-json"):
                if "compact" in by and other in by and by[other] < by["compact"]:
                    lines.append(f"{TITLES[part]}, {setting}, {link}: {SYSTEMS[other][0]} answers in "
                                 f"{by[other]:.2f} ms, situ in {by['compact']:.2f} ms.")
    return lines


SUMMARY = (("latency", ("100 Mbit/s", "1 Gbit/s", "10 Gbit/s")), ("large", ("100 Mbit/s", "1 Gbit/s", "10 Gbit/s")),
           ("retrieval", ("100 Mbit/s", "1 Gbit/s", "10 Gbit/s")))


WORKLOADS = {"squeezenet": "SqueezeNet", "mobilenet": "MobileNetV3-small", "resnet50": "ResNet-50",
             "mobilenet-12-megapixels": "MobileNetV3-small, 12 megapixels",
             "mobilenet-12-megapixels-fast-decoding": "the same, fast decoding", "features": "search by a new photo"}


def sentence(raw):
    """The main result: the first setting over the slowest link."""
    by = {entry["system"]: entry for entry in picked(raw, "latency") if entry["link"] == "100 Mbit/s"
          and entry["setting"] == "squeezenet"}
    if "compact" not in by or "host" not in by:
        return "Asked for a photo by its name, situ answers from where the photo is stored."
    ours, theirs = by["compact"]["median"]["mean"], by["host"]["median"]["mean"]
    saved = 1 - wire(by["compact"]) / wire(by["host"])
    return (f"Over 100 Mbit/s, classifying a stored photo with SqueezeNet takes {ours:.1f} ms with situ, "
            f"{1 - ours / theirs:.0%} less than fetching the photo and classifying it on the host ({theirs:.1f} ms), "
            f"and moves {saved:.2%} fewer bytes.")


def summary(raw):
    """One row per workload and link: mean latency of each system in ms, bytes on the wire per request."""
    rows = ["<tr><th>workload<th>link<th>situ<th>fetch, infer on the host<th>fetch, Node with sharp"
            "<th>fetch, tensor to a server<th>bytes, situ<th>bytes, fetching<th>less</tr>"]
    for part, links in SUMMARY:
        for (setting, link), entries in groups(picked(raw, part), "setting", "link").items():
            by = {entry["system"]: entry for entry in entries}
            ours = by.get("compact") or by.get("search")
            theirs = by.get("host") or by.get("retrieve")
            if link in links and ours and theirs:
                def mean(*systems):
                    found = [by[name]["median"]["mean"] for name in systems if name in by]
                    return number(min(found), 1) if found else ""
                rows.append("<tr>" + "".join(f"<td>{cell}" for cell in (
                    html.escape(WORKLOADS.get(setting, setting)), link, f"<b>{mean('compact', 'search')}</b>",
                    mean("host", "retrieve"), mean("node"), mean("tensor", "tensor-json"),
                    number(wire(ours), 0), number(wire(theirs), 0), f"{1 - wire(ours) / wire(theirs):.2%}")))
    return ("<p>Mean latency of a request in milliseconds, and bytes that cross the network for it, both ways:</p>"
            "<table>" + "\n".join(rows) + "</table>")


METHOD = (
    "<h2>How it was measured</h2>"
    "<p>A host requires the classes of photos that are stored elsewhere. It can fetch each photo and run the model "
    "itself; it can fetch, preprocess and send the tensor to an inference server beside the data; or it can send the "
    "photo's name to situ. Host and storage node are network namespaces of one machine, joined by a link of a chosen "
    "speed; one core each; photos in the page cache and connections kept alive for all; result cache off. Bytes are "
    "counted on the interfaces, headers and acknowledgements included. Means, medians and percentiles are medians "
    "over the runs.</p>"
    "<p>A token bucket at both ends (tc tbf) limits a link's speed. It holds what the link carries in 0.4 ms, at least "
    "four frames: a larger one would let a small photo pass at once. 117 kB take 9.7 ms at 100 Mbit/s, 1.0 ms at "
    "1 Gbit/s, and 0.35 ms at 10 Gbit/s, where the kernel's own work on one core takes longer than the wire would "
    "(0.1 ms). The link adds no delay: a real network adds its own to every answer, alike for all systems.</p>")


def details(raw):
    """Every part with its full table."""
    page = []
    for part, title in TITLES.items():
        for (setting,), entries in groups(picked(raw, part), "setting").items():
            counts = " or ".join(map(str, sorted({e["count"] for e in entries}, reverse=True)))
            page.append(f"<h2>{title}: {html.escape(setting)}</h2><p>{counts} photos of "
                        f"{entries[0]['photo_bytes'] / 1e3:.0f} kB, {len(entries[0]['runs'])} runs.</p>")
            if part == "open":
                for (link,), group in groups(entries, "link").items():
                    page.append(f"<h3>{link}</h3>" + open_table(group))
            else:
                page.append(table(entries))
    return page


def check_list(checks):
    held = sum(check["good"] for check in checks)
    return [f"<h2>Checks</h2><p>{held} hold, {len(checks) - held} do not.</p><ul>",
            *(f"<li class={'good' if c['good'] else 'miss'}>{'holds' if c['good'] else 'does not hold'}: "
              f"{html.escape(c['text'])}" for c in sorted(checks, key=lambda c: c["good"])), "</ul>"]


def write(out, raw):
    """Writes index.html and the plots; returns the checks."""
    out = pathlib.Path(out)
    checks = make_checks(raw)
    images = plots(out, raw)
    page = [f"<!doctype html><meta charset=utf-8><title>situ: the experiment</title><style>{STYLE}</style>",
            "<h1>Inference where the data is stored, measured</h1>",
            f"<p><b>{sentence(raw)}</b></p>", summary(raw),
            "<h2>Where offloading does not pay</h2><ul>",
            *([f"<li>{html.escape(line)}" for line in does_not_pay(raw)] or ["<li>Nowhere among what was measured."]),
            "</ul>", METHOD,
            "<table>" + "".join(f"<tr><td>{key}<td>{html.escape(str(value))}</tr>"
                                for key, value in raw["machine"].items()) + "</table>",
            f"<p>Command: <code>{html.escape(raw['command'])}</code>; all figures: <a href=raw.json>raw.json</a></p>",
            *(f"<p>{html.escape(note)}</p>" for note in raw["notes"]),
            *(f"<img src='{html.escape(name)}' alt='{html.escape(name)}'>" for name in images),
            *details(raw), *check_list(checks)]
    (out / "index.html").write_text("\n".join(page) + "\n")
    return checks
