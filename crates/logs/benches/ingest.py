"""What `just bench-ingest` prints: the collector's whole way of a line beside clp-s and zstd, in one run on one machine.

    ingest.py INGEST GENERATOR [--lines N] [--seed N] [--pairs N]

INGEST is the benchmark's program. GENERATOR writes log lines: `GENERATOR --format ndjson|docker --lines N --seed N --out FILE`.
Figures are medians of interleaved runs: payload bytes (message and line end) a CPU second of the whole process.
"""
import argparse, json, os, resource, shutil, statistics, subprocess, sys, tempfile


def run(command):
    """CPU seconds and output of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command} failed: {done.stderr.decode()[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def clp():
    try:
        import yscope_clp_core
    except ImportError:
        sys.exit(f"clp-s is missing: {sys.executable} -m pip install yscope-clp-core")
    return os.path.join(os.path.dirname(yscope_clp_core.__file__), "bin", "clp-s")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("ingest"), arguments.add_argument("generator")
    arguments.add_argument("--lines", type=int, default=1_000_000), arguments.add_argument("--seed", type=int, default=11)
    arguments.add_argument("--pairs", type=int, default=5)
    arguments = arguments.parse_args()
    peer = clp()
    print(f"{arguments.lines} lines, seed {arguments.seed}; load {os.getloadavg()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as scratch:
        at = lambda name: os.path.join(scratch, name)
        for form in ("ndjson", "docker"):
            run([sys.executable, arguments.generator, "--format", form, "--lines", str(arguments.lines), "--seed", str(arguments.seed), "--out", at(form)])
        took = {"collector": [], "clp-s": [], "zstd -3 of Docker JSON": []}
        for _ in range(arguments.pairs):
            for folder in ("own", "clp"):
                shutil.rmtree(at(folder), ignore_errors=True)
            told = json.loads(run([arguments.ingest, at("ndjson"), at("own")])[1])
            took["collector"].append(told["cpu_s"])
            took["clp-s"].append(run([peer, "c", "--timestamp-key", "ts", at("clp"), at("ndjson")])[0])
            took["zstd -3 of Docker JSON"].append(run(["zstd", "-q", "-3", "-f", "-k", at("docker"), "-o", at("z3")])[0])
        own = statistics.median(took["collector"])
        print(f"\nIngest with redaction, joining, mining, counting and storing: {told['payload']} bytes, {told['stored']} stored")
        for name, seconds in took.items():
            median = statistics.median(seconds)
            print(f"  {name:24}{told['payload'] / median / 1e6:8.0f} MB/s/core {told['lines'] / median / 1e3:8.0f} k lines/s   collector is {median / own:5.2f} x")
    print(f"\nload at the end {os.getloadavg()}")


main()
