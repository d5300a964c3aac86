"""What `just bench-logstore` prints: the store beside clp-s, plain Parquet, zstd and ripgrep, in one run on one machine.

    compare.py GENERATOR [LOGS] [--lines N] [--seed N]

GENERATOR is a program that writes log lines: `GENERATOR --format ndjson|docker --lines N --seed N --out FILE`.
LOGS is a folder with *.log files, which are measured line by line against `zstd -19`.
Figures are medians of five interleaved runs, throughput in payload bytes (message and line end) a CPU second.
"""
import argparse, json, os, random, re, resource, shutil, statistics, subprocess, sys, tempfile, time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))


def need(name, how, where=None):
    path = where or shutil.which(name)
    if not path or not os.path.exists(path):
        sys.exit(f"{name} is missing: {how}")
    return path


def tools():
    rg = need("rg", "apt-get install ripgrep")
    zstd = need("zstd", "apt-get install zstd")
    how = f"{sys.executable} -m pip install pyarrow yscope-clp-core"
    try:
        import pyarrow.parquet  # noqa: F401
        import yscope_clp_core
    except ImportError:
        sys.exit(f"PyArrow or clp-s is missing: {how}")
    clp = need("clp-s", how, os.path.join(os.path.dirname(yscope_clp_core.__file__), "bin", "clp-s"))
    return rg, zstd, clp


def run(command, **options):
    """CPU seconds, wall seconds and output of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, shell=isinstance(command, str), **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(f"{command} failed: {done.stderr.decode()[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.time() - start, done.stdout


def binary():
    command = ["cargo", "bench", "-p", "overseer-logstore", "--bench", "store", "--no-run", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    return [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "store"][-1]


def size(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def parquet(ndjson, path):
    import pyarrow as pa, pyarrow.parquet as pq
    rows = [json.loads(line) for line in open(ndjson)]
    table = pa.table({key: [row[key] for row in rows] for key in ("ts", "container", "stream", "level", "message")})
    table = table.set_column(0, "ts", pa.array([row["ts"][:-1] for row in rows]).cast(pa.timestamp("ns")))
    before = time.process_time()
    pq.write_table(table, path, compression="zstd", use_dictionary=["container", "stream", "level"])
    return time.process_time() - before


def table(title, head, rows):
    print(f"\n{title}")
    rows = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))))


def literals(lines, seed):
    """Texts that are rare: ids, a part of one, a word, one that is nowhere."""
    pick = random.Random(seed)

    def one(pattern):
        while True:
            found = re.search(pattern, pick.choice(lines))
            if found:
                return found.group(found.lastindex or 0)

    return [
        ("UUID", one(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")),
        ("trace id", one(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")),
        ("part of an id", one(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")[7:18]),
        ("rare words", "deadlock detected"),
        ("word that is nowhere", "nosuchwordanywhere"),
    ]


REGEXES = [
    ("regex, number", r"took=[0-9]{3,}\.[0-9]+ms"),
    ("regex, over words", r"[a-z]+\.tasks\.[a-z]+[A-Z][a-z]+\[[0-9a-f]{8}-.*succeeded in [0-9]{3,}"),
    ("regex, either", r"[A-Z][a-z]+Exception|[Rr]efused"),
    ("regex, no text in it", r"(1[0-9]{2}\.){3}"),
]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("generator"), arguments.add_argument("logs", nargs="?")
    arguments.add_argument("--lines", type=int, default=1_000_000), arguments.add_argument("--seed", type=int, default=11)
    arguments = arguments.parse_args()
    rg, zstd, clp = tools()
    store = binary()
    print(f"{arguments.lines} lines, seed {arguments.seed}; load {os.getloadavg()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as scratch:
        bench(arguments, rg, zstd, clp, store, lambda *name: os.path.join(scratch, *name))
    print(f"\nload at the end {os.getloadavg()}")


def bench(arguments, rg, zstd, clp, store, at):
    for form in ("ndjson", "docker"):
        run([sys.executable, arguments.generator, "--format", form, "--lines", str(arguments.lines), "--seed", str(arguments.seed), "--out", at(form)])
    lines = [json.loads(line)["message"] for line in open(at("ndjson"))]
    with open(at("text"), "w") as out:
        out.writelines(line + "\n" for line in lines)
    payload = os.path.getsize(at("text"))

    # P6 and P7: bytes and CPU seconds.
    took = {"store": [], "clp-s": [], "zstd -3": []}
    for _ in range(5):
        shutil.rmtree(at("store"), ignore_errors=True), shutil.rmtree(at("clp"), ignore_errors=True)
        told = json.loads(run([store, "ingest", at("ndjson"), at("store")])[2])
        took["store"].append(told["cpu_s"])
        took["clp-s"].append(run([clp, "c", "--timestamp-key", "ts", at("clp"), at("ndjson")])[0])
        took["zstd -3"].append(run([zstd, "-q", "-3", "-f", "-k", at("docker"), "-o", at("z3")])[0])
    z19 = run([zstd, "-q", "-19", "-T0", "-f", "-k", at("docker"), "-o", at("z19")])[0]
    plain = parquet(at("ndjson"), at("parquet"))
    own = told["stored"]
    cpu = {name: statistics.median(values) for name, values in took.items()} | {"zstd -19": z19, "plain Parquet": plain}
    sizes = {"store": own, "clp-s": size(at("clp")), "plain Parquet": size(at("parquet")), "zstd -3": size(at("z3")), "zstd -19": size(at("z19"))}
    rows = [[name, bytes, f"{bytes / payload:.4f}", f"{own / bytes:.2f}", f"{payload / cpu[name] / 1e6:.0f}", f"{cpu[name] / cpu['store']:.2f}"] for name, bytes in sizes.items()]
    table(f"Stored (payload {payload} bytes; zstd of the Docker JSON)", ["", "bytes", "per payload byte", "store is x of it", "MB/s/core", "CPU x of store"], rows)
    print("  every line read back and compared:", json.loads(run([store, "verify", at("ndjson"), at("store")])[2]))

    # P8: searches, each checked against ripgrep.
    run([zstd, "-q", "-3", "-f", "-k", at("text"), "-o", at("text.zst")])
    searches = [(name, "literal", text) for name, text in literals(lines, arguments.seed)] + [(name, "regex", text) for name, text in REGEXES]
    os.mkdir(at("hits"))
    told = run([store, "search", at("store"), at("hits")], input="".join(f"{kind} {text}\n" for _, kind, text in searches).encode())[2]
    rows = []
    for number, ((name, kind, text), line) in enumerate(zip(searches, told.decode().splitlines())):
        own = json.loads(line)
        fixed = ["-F"] if kind == "literal" else []
        beside = {"zstd|rg": [], "rg": [], "clp-s": []}
        for _ in range(5):
            beside["zstd|rg"].append(run(f"{zstd} -dc {at('text.zst')} | {rg} -a {' '.join(fixed)} -e '{text}'")[0])
            cpu_rg, _, hits = run([rg, "-a", "-j1", *fixed, "-e", text, at("text")])
            beside["rg"].append(cpu_rg)
            if kind == "literal" and number < 5:
                beside["clp-s"].append(run([clp, "s", at("clp"), f'message: "*{text}*"'])[0])
        same = sorted(hits.splitlines()) == sorted(open(at("hits", str(number)), "rb").read().splitlines())
        speed = lambda seconds: f"{payload / seconds / 1e9:.2f}" if seconds else ""
        median = {key: statistics.median(values) if values else 0 for key, values in beside.items()}
        rows.append([name, own["hits"], "equal" if same else "DIFFERENT", speed(own["cpu_s"]), speed(median["rg"]), speed(median["zstd|rg"]), speed(median["clp-s"]), f"{median['zstd|rg'] / own['cpu_s']:.1f}"])
    table("Search, GB of payload a CPU second", ["", "hits", "as ripgrep", "store", "rg on text", "zstd -dc | rg", "clp-s", "x of zstd | rg"], rows)

    window = json.loads(run([store, "window", at("window")])[2])
    rows = [[name, f"{window[key]['p50_ms']:.1f}", f"{window[key]['p99_ms']:.1f}"] for name, key in (("newest 1000 lines", "page_of_1000"), ("all lines", "all"), ("a literal", "literal"))]
    table(f"Five minutes out of ninety days ({window['segments']} segments, as dense as 100 GB)", ["", "p50 ms", "p99 ms"], rows)
    fresh = json.loads(run([store, "fresh", at("fresh")])[2])
    table("From a line's making to a search that finds it", ["lines/s", "p50 ms", "p99 ms"], [[f"{fresh['lines_per_s']:.0f}", f"{fresh['p50_ms']:.1f}", f"{fresh['p99_ms']:.1f}"]])
    if arguments.logs:
        raw(arguments.logs, zstd, store, at)


def raw(folder, zstd, store, at):
    rows, all_own, all_zstd = [], 0, 0
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".log")):
        path = os.path.join(folder, name)
        own = json.loads(run([store, "raw", path, at("raw", name)])[2])["segment_bytes"]
        other = len(run([zstd, "-q", "-19", "-c", path])[2])
        rows.append([name, os.path.getsize(path), own, other, f"{own / other:.2f}"])
        all_own, all_zstd = all_own + own, all_zstd + other
    table("Raw files", ["", "bytes", "store", "zstd -19", "ratio"], rows + [["all", "", all_own, all_zstd, f"{all_own / all_zstd:.2f}"]])


main()
