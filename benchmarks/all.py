"""The scripts of this folder go in; docs/benchmarks.md comes out: what each printed, peers beside, with command, date, machine and load.

    python benchmarks/all.py --data ../shared/data                # what is missing of the quick ones, then the page
    python benchmarks/all.py --data ../shared/data --long         # hours: trainings and large collections too
    python benchmarks/all.py --only memory reading                # these, missing or not
    python benchmarks/all.py --page                               # nothing is run; the page of what there is

Results lie in --work, a file each, written when a script has ended well: killed, the next call does the rest. A result is made again
when its script, what it imports of this folder, or its command is another; a script that ends badly is named, with its
last line. Where something else is busy before a script begins, the script is run, and its section says so. What a script needs and is
not here (data, a package, a trained model) is said in its place.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import hashlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
BUSY = 0.25  # processors in use by others, of each that there is: above it, times are not to be trusted


@dataclass(frozen=True)
class Script:
    """One script as it is run for the page: its arguments ("DATA" is the data folder), what it needs, whether it takes long."""

    name: str
    arguments: str = ""
    packages: tuple[str, ...] = ()
    trained: str = ""  # a folder that a training leaves
    long: bool = False

    @property
    def command(self) -> str:
        return f"python benchmarks/{self.name}.py {self.arguments}".strip()


RUNS = (
    Script("memory", "--rounds 60"),
    Script("reading", ""),
    Script("queries", ""),
    Script("exact", "--titles 60,6000"),
    Script("dupes", "--data DATA", ("imagehash",)),
    Script("evaluate", "--data DATA --only peers", ("ranx", "torchmetrics")),
    Script("first_light", "--data DATA --size 10000"),
    Script("fashion200k", "--data DATA"),
    Script("words", "--data DATA"),
    Script("mini", "--data DATA"),
    Script("mds", "--data DATA", ("daft",)),
    Script("overlap", "--data DATA"),
    Script("own_data", "--data DATA"),
    Script("printed", "--data DATA", ("rapidocr",)),
    Script("reliability", "--size 20000"),
    Script("ranks", "", ("torch",)),
    Script("accelerator", "--toy", ("torch", "transformers")),
    Script("curate", "--data DATA --only images,texts,pii,profanity,watermark,rates", ("daft", "ko_pii", "rapidocr")),
    Script("search", "--data DATA --size 10000"),
    Script("service", "--only search,batching --size 10000 --seconds 20"),
    Script("captions", "--data DATA --only captions styles retrieval", ("torch",), trained="build/captions"),
    Script("imagine", "align --data DATA", ("torch", "diffusers"), trained="build/korean_diffusion-tiny"),
    Script("sensors", "recognise --data DATA", ("torch",), trained="build/sensors"),
    Script("one_r", "ablation --data DATA", ("torch",), long=True),
    Script("training", "--data DATA", ("torch", "sentence_transformers"), long=True),
    Script("training_recipes", "--data DATA", ("torch", "transformers"), long=True),
    Script("users", "rank LastFM --data DATA", ("torch", "daft"), long=True),
    Script("mutants", "metrics", long=True),
)
#: Scripts that are not run for the page, and why.
LEFT = {
    "all": "is this one",
    "conse": "is a part of others",
    "gradcam": "is a part of others",
    "same_network": "is a part of others",
    "indexing": "compares with a former revision",
    "same_results": "compares with a former revision",
}


@dataclass(frozen=True)
class Measured:
    """What a script printed; `load`: processors in use by others when it began, `of`: a digest of its text and its command."""

    command: str
    printed: str
    date: str
    machine: str
    load: float
    seconds: float
    of: str

    @property
    def busy(self) -> bool:
        """Whether others took so much of the machine that times are not to be trusted."""
        return self.load > BUSY * (os.cpu_count() or 1)


def parts(script: Script) -> list[Path]:
    """The script and what it imports of this folder: what its figures are made by."""
    home = ROOT / "benchmarks"
    found = [home / f"{script.name}.py"]
    for file in found:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in (n.partition(".")[0] for n in names):
                files = [home / f"{name}.py", *sorted((home / name).glob("*.py"))]
                found += [f for f in files if f.is_file() and f not in found]
    return found


def digest(script: Script) -> str:
    text = b"".join(f.read_bytes() for f in parts(script))
    return hashlib.sha256(text + script.command.encode()).hexdigest()[:16]


def machine() -> str:
    """Processor, cores, memory and Python in words."""
    kind = platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line.partition(":")[2].strip() for line in info.read_text("utf-8").splitlines() if line.startswith("model name")]
        kind = names[0] if names else kind
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    return f"{kind}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def in_use(seconds: float = 3.0) -> float:
    """Processors that others use, while this process waits; the load of the last minute where the system does not count them."""
    counts = Path("/proc/stat")
    if not counts.exists():
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0

    def idle_and_all() -> tuple[int, int]:
        ticks = [int(n) for n in counts.read_text("utf-8").splitlines()[0].split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)

    idle, whole = idle_and_all()
    time.sleep(seconds)
    idle, whole = (now - then for now, then in zip(idle_and_all(), (idle, whole), strict=True))
    return (1 - idle / whole) * (os.cpu_count() or 1) if whole else 0.0


def lacks(script: Script, data: Path) -> str:
    """What a script needs and is not here; "" where nothing lacks."""
    if "DATA" in script.arguments and not data.is_dir():
        return f"the data folder ({data}); give it with --data"
    if gone := [p for p in script.packages if importlib.util.find_spec(p) is None]:
        return f"the package {gone[0]}"
    if script.trained and not (ROOT / script.trained).exists():
        return f"what a training leaves in {script.trained}"
    return ""


def kept(script: Script, work: Path) -> Measured | None:
    """The result of an earlier call, where script and command are as they were."""
    place = work / f"{script.name}.json"
    if not place.exists():
        return None
    found = Measured(**json.loads(place.read_text("utf-8")))
    return found if found.of == digest(script) else None


def measure(script: Script, data: Path, work: Path) -> str:
    """Run a script and keep what it prints; the reason where it ends badly, and then nothing is kept."""
    load, started = in_use(), time.monotonic()
    words = [str(data.resolve()) if w == "DATA" else w for w in script.command.split()[1:]]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "nothing on standard error").splitlines()[-1]
        return f"ended with {done.returncode}: {last}"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = Measured(script.command, done.stdout.strip(), today, machine(), load, time.monotonic() - started, digest(script))
    work.mkdir(parents=True, exist_ok=True)
    part = work / f"{script.name}.json.part"
    part.write_text(json.dumps(asdict(found), ensure_ascii=False, indent=1), "utf-8")
    part.replace(work / f"{script.name}.json")
    return ""


def title(script: Script) -> str:
    """The first sentence of a script's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / "benchmarks" / f"{script.name}.py").read_text("utf-8"))) or script.name
    return " ".join(text.split("\n\n")[0].split())


def section(script: Script, found: Measured) -> str:
    """A script's part of the page: what it printed, as it stands where it holds tables, else as it is set."""
    when = f"{found.date}, {found.seconds / 60:.1f} minutes, {found.machine}; load before: {found.load:.1f}"
    if found.busy:
        when += ". **The machine was busy: no time or rate here is to be quoted**"
    printed = re.sub(r"^#+ ", r"##\g<0>", found.printed, flags=re.MULTILINE)  # its headings are below this one
    body = printed if "|---" in printed or "| ---" in printed else f"```text\n{printed}\n```"
    return f"## {script.name}\n\n{title(script)}\n\n```sh\n{found.command}\n```\n\n{when}.\n\n{body}\n"


def page(scripts: Sequence[Script], work: Path, missing: dict[str, str]) -> str:
    """The page of every result there is, and a line for each script that has none."""
    results = {s.name: (s, found) for s in scripts if (found := kept(s, work))}
    head = [
        "# Figures\n",
        "What the scripts of `benchmarks/` printed, peers beside in the same run; written by `python benchmarks/all.py` (`make bench`).\n",
        "| script | command | date | load before | minutes |\n|---|---|---|---|---|",
    ]
    for s, found in results.values():
        head.append(f"| [{s.name}](#{s.name}) | `{found.command}` | {found.date} | {found.load:.1f} | {found.seconds / 60:.1f} |")
    for s in scripts:
        if s.name not in results:
            head.append(f"| {s.name} | `{s.command}` | not run: {missing.get(s.name, 'nobody has run it yet')} | | |")
    head += [f"| {name} | | not run: {why} | | |" for name, why in LEFT.items()]
    return "\n".join([*head, "", *(section(*r) for r in results.values())])


def main(scripts: Sequence[Script] = RUNS) -> int:
    """Run what is asked for and write the page; 1 where a script ended badly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--to", type=Path, default=PAGE)
    parser.add_argument("--only", nargs="+", choices=[s.name for s in scripts], default=[], metavar="SCRIPT")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    missing: dict[str, str] = {}
    bad = 0
    for script in scripts:
        if reason := lacks(script, given.data):
            missing[script.name] = reason
        elif script.long and not given.long and script.name not in given.only:
            missing[script.name] = "it takes long (--long)"
        elif not given.page and (script.name in given.only if given.only else kept(script, given.work) is None):
            print(f"{script.command} …", file=sys.stderr, flush=True)
            if reason := measure(script, given.data, given.work):
                missing[script.name], bad = reason, 1
                print(f"error: {script.name} {reason}", file=sys.stderr)
    given.to.parent.mkdir(parents=True, exist_ok=True)
    given.to.write_text(page(scripts, given.work, missing), "utf-8")
    print(f"wrote {given.to}", file=sys.stderr)
    return bad


if __name__ == "__main__":
    raise SystemExit(main())
