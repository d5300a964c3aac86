#!/usr/bin/env python3
"""Signatures: accuracy and speed beside drain3 and the trivial floor, in one run.

usage: signatures.py OVERSEER MINE LOGHUB TOOLS [--seeds 1,2,3] [--lines 1000000] [--hostile 10000000]

OVERSEER  the release binary; MINE the benchmark binary of this crate
LOGHUB    a folder with NAME_2k.log and NAME_2k.log_structured.csv (LogHub; its licence keeps it out of this project)
TOOLS     a folder with loghub_eval.py (scores a parser), gen_logs.py (logs with truth), perf/template_floor.rs

drain3 (PyPI) is installed into a private environment beside the working files on first use.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv

csv.field_size_limit(1 << 24)
parser = argparse.ArgumentParser()
for name in ("overseer", "mine", "loghub", "tools"):
    parser.add_argument(name)
parser.add_argument("--seeds", default="1,2,3")
parser.add_argument("--lines", type=int, default=1_000_000)
parser.add_argument("--hostile", type=int, default=10_000_000)
parser.add_argument("--work", default=os.path.join(tempfile.gettempdir(), "overseer-bench-signatures"))
given = parser.parse_args()
os.makedirs(given.work, exist_ok=True)

# Runs in the private environment: drain3 on a file, ids to a file, seconds of processor time to standard output.
DRAIN = """
import sys, time, os
from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig
from drain3.masking import MaskingInstruction
source, target, masks = sys.argv[1:4]
config = TemplateMinerConfig()
if masks == "masks":
    # The masks of drain3's own examples (examples/drain3.ini).
    for pattern, name in [(r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
                          (r"((?<=[^A-Za-z0-9])|^)(\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
                          (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
                          (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
                          (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
                          (r"((?<=[^A-Za-z0-9])|^)([\\-\\+]?\\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
                          (r"(?<=executed cmd )(\\".+?\\")", "CMD")]:
        config.masking_instructions.append(MaskingInstruction(pattern, name))
miner = TemplateMiner(config=config)
lines = open(source, encoding="utf-8", errors="replace").read().split("\\n")[:-1]
before = time.process_time()
ids = [miner.add_log_message(line)["cluster_id"] for line in lines]
print(time.process_time() - before)
templates = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
import csv
with open(target, "w", newline="") as out:
    rows = csv.writer(out)
    rows.writerow(["LineId", "ClusterId", "Template"])
    rows.writerows((n + 1, i, templates[i]) for n, i in enumerate(ids))
"""


def path(*parts):
    return os.path.join(given.work, *parts)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def python():
    home = path("venv")
    binary = os.path.join(home, "bin", "python")
    if subprocess.run([binary, "-c", "import drain3"], stderr=subprocess.DEVNULL).returncode if os.path.exists(binary) else True:
        venv.create(home, with_pip=True)
        run(binary, "-m", "pip", "install", "-q", "--disable-pip-version-check", "drain3")
    return binary


def ours(source, target):
    with open(target, "w") as out:
        subprocess.run([given.overseer, "signatures", "mine", source, "-o", "csv"], check=True, stdout=out, stderr=subprocess.DEVNULL)
    # The scorer groups by `ClusterId`.
    text = open(target, encoding="utf-8").read().replace("line,signature,template", "LineId,ClusterId,Template", 1)
    open(target, "w", encoding="utf-8").write(text)


def drain(source, target, masks="plain"):
    return float(run(python(), "-c", DRAIN, source, target, masks))


def scores(predictions):
    return json.loads(run(sys.executable, os.path.join(given.tools, "loghub_eval.py"), "--json",
                          "--pred-dir", predictions, "--truth-dir", given.loghub))


def score(prediction, truth):
    out = run(sys.executable, os.path.join(given.tools, "loghub_eval.py"), "--json", "--pred", prediction, "--truth", truth)
    return next(iter(json.loads(out)["sets"].values()))


def row(name, *results):
    cells = "".join("  %6.3f %6.3f %6.3f %6.3f" % tuple(r.get(k, float("nan")) for k in ("GA", "FGA", "PAn", "FTAn")) for r in results)
    print("%-22s%s" % (name, cells))


print("load %.1f %.1f %.1f, %d cores" % (*os.getloadavg(), os.cpu_count()))
names = sorted(f[: -len("_2k.log_structured.csv")] for f in os.listdir(given.loghub) if f.endswith("_2k.log_structured.csv"))
for folder in ("ours", "drain", "raw", "content"):
    os.makedirs(path(folder), exist_ok=True)
for name in names:
    with open(os.path.join(given.loghub, name + "_2k.log_structured.csv"), newline="", encoding="utf-8", errors="replace") as truth:
        content = [line["Content"].replace("\r", " ").replace("\n", " ") for line in csv.DictReader(truth)]
    with open(path("content", name), "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in content)
    ours(path("content", name), path("ours", name + ".csv"))
    drain(path("content", name), path("drain", name + ".csv"))
    ours(os.path.join(given.loghub, name + "_2k.log"), path("raw", name + ".csv"))
print("\nP1, P2, P3: one configuration for every input           GA    FGA    PAn   FTAn")
print("%-22s  %-28s  %-28s  %s" % ("LogHub 2k", "ours, Content", "drain3, Content", "ours, raw file"))
results = [scores(path(folder)) for folder in ("ours", "drain", "raw")]
for name in names:
    row(name, *(result["sets"][name] for result in results))
row("average", *(result["average"] for result in results))
print("target                  GA >= 0.97, FGA >= 0.94, PAn >= 0.90, FTAn >= 0.85; raw files GA >= 0.90")

print("\n%-22s  %-28s  %s" % ("generated, 100,000", "ours, raw lines", "drain3, first 20,000 of them"))
for seed in given.seeds.split(","):
    logs, truth = path("g.txt"), path("g.csv")
    run(sys.executable, os.path.join(given.tools, "gen_logs.py"), "--lines", "100000", "--seed", seed, "--out", logs, "--truth", truth)
    ours(logs, path("g_ours.csv"))
    with open(logs) as whole, open(path("g20.txt"), "w") as part:
        part.writelines(line for _, line in zip(range(20000), whole))
    with open(truth) as whole, open(path("g20.csv"), "w") as part:
        part.writelines(line for _, line in zip(range(20001), whole))
    drain(path("g20.txt"), path("g_drain.csv"))
    row("seed " + seed, score(path("g_ours.csv"), truth), score(path("g_drain.csv"), path("g20.csv")))
print("target                  GA >= 0.90, FGA >= 0.70")

print("\nP4: lines a second of processor time, five interleaved runs, medians")
floor = path("floor")
run("rustc", "-O", "-o", floor, os.path.join(given.tools, "perf", "template_floor.rs"), stderr=subprocess.DEVNULL)
logs = path("speed.txt")
run(sys.executable, os.path.join(given.tools, "gen_logs.py"), "--lines", str(given.lines), "--seed", "5", "--out", logs)
with open(logs) as whole, open(path("slow.txt"), "w") as part:
    part.writelines(line for _, line in zip(range(20000), whole))


def floor_speed():
    """The floor prints wall time, which means little on a busy machine: five further repetitions, in processor time."""
    def seconds(repetitions):
        before = os.times().children_user
        subprocess.run([floor, logs, str(repetitions)], check=True, stderr=subprocess.DEVNULL)
        return os.times().children_user - before

    return 5 * given.lines / (seconds(6) - seconds(1))


mined, joined, floors, drains = [], [], [], []
for _ in range(5):
    mined.append(float(run(given.mine, "speed", logs)))
    joined.append(float(run(given.mine, "events", logs)))
    floors.append(floor_speed())
    drains.append(20000 / drain(path("slow.txt"), path("slow.csv"), "masks"))
ours_speed, joined_speed, floor_median, drain_median = map(statistics.median, (mined, joined, floors, drains))
bytes_a_line = os.path.getsize(logs) / given.lines
print("ours %.0f   floor %.0f   drain3 with its example masks %.0f" % (ours_speed, floor_median, drain_median))
print("ours / floor %.2f (target 0.25)   ours / drain3 %.0f (target 75)   ours %.2f M lines/s (target 1.0)"
      % (ours_speed / floor_median, ours_speed / drain_median, ours_speed / 1e6))

for what, speed in (("mined", ours_speed), ("joined to events and mined", joined_speed)):
    print("%-28s %.2f M lines/s, %.0f MB/s (P7, with redaction and storing: 100)" % (what, speed / 1e6, speed * bytes_a_line / 1e6))

print("\nP5: growth")
for line in run(given.mine, "growth", logs).splitlines():
    what, exponent = line.split()
    print("time ~ %s^%s (target %s)" % (what, exponent, {"lines": "1.05", "signatures": "0.15"}[what]))
before = time.time()
megabytes, each, micros = run(given.mine, "hostile", str(given.hostile)).split()
print("%d unique hostile lines: %s MB resident (target 64), %s bytes a signature (target 1024), %s us a line"
      % (given.hostile, megabytes, each, micros))
print("load %.1f %.1f %.1f" % os.getloadavg())
