"""The commands of this project: `make test`, or `python make.py test` where there is no make.

  workbook    set up, run every notebook at the tiny scale, rebuild every figure, say where the results are
  test        set up, then run all tests, the notebooks among them (options go to pytest)
  setup       make .venv and install into it; nothing happens when it is up to date
  lab         set up, then open JupyterLab on your own copy of the notebooks, in mine/
  figures     set up, then rebuild every figure from the recorded runs
  tiny-bert   set up, then train again the small BERT that ships in data/tiny-bert

Notable choices. Standard library only, and syntax that an old Python 3 can read, so that it runs before
anything is there. A stamp in .venv holds a hash of what was asked for: the second call takes no time and no
network. What to install is in pyproject.toml (ranges), which versions were tested in requirements.lock
(constraints). On Linux without an NVIDIA GPU torch comes from PyTorch's own list of CPU builds if that
answers within seconds: the usual build brings gigabytes of CUDA.
"""

import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed.txt"
LOG = VENV / "install.log"
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
FITS = "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
NO_NETWORK = (
    "NewConnectionError",
    "NameResolutionError",
    "ProxyError",
    "ConnectTimeout",
    "ReadTimeout",
    "getaddrinfo",
    "Name or service not known",
    "Network is unreachable",
    "Failed to establish",
    "No matching distribution",
)


def setup():
    """Make .venv fit pyproject.toml and requirements.lock."""
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted():
        return
    if not PYTHON.exists():
        python = find_python()
        say("making .venv with " + python)
        if shutil.disk_usage(ROOT).free < 3e9:
            say("note: less than 3 GB of disk are free here; the packages need about 2 GB")
        if subprocess.run([python, "-m", "venv", "--clear", str(VENV)]).returncode:
            sys.exit("make.py: could not make .venv (on Debian and Ubuntu: apt install python3-venv)")
    STAMP.unlink(missing_ok=True)
    LOG.unlink(missing_ok=True)
    say("installing; the first time takes a few minutes (details in .venv/install.log)")
    first = ["torch", "hatchling", "editables"]  # with the build tools, so that the project builds offline
    if not (wants_cpu_torch() and pip(first + ["--extra-index-url", CPU_TORCH]) == 0) and pip(first):
        give_up()
    if pip(["--no-build-isolation", "-e", ".[test]"]):
        give_up()
    STAMP.write_text(wanted())
    say("installed into .venv")


def wanted():
    """What the environment was made from. The folder is part of it: a moved .venv does not work."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "requirements.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def find_python():
    """A Python 3.11–3.13 that can make environments: the one running this, else the usual places."""
    names = ["python3.12", "python3.11", "python3.13", "python3", "python"]
    places = [sys.executable] + [shutil.which(name) for name in names]
    places += sorted(glob.glob(str(Path.home() / ".pyenv/versions/3.1[123].*/bin/python")))
    places += sorted(glob.glob(str(Path.home() / ".local/share/uv/python/cpython-3.1[123].*/bin/python")))
    if shutil.which("py"):  # the Windows launcher
        places += [answer(["py", "-3.%d" % minor, "-c", "import sys; print(sys.executable)"]) for minor in (12, 11, 13)]
    for place in filter(None, places):
        if answer([place, "-c", FITS]) is not None:
            return place
    sys.exit(
        "make.py: no Python 3.11, 3.12 or 3.13 with its venv module was found: install one from python.org "
        "(Debian and Ubuntu: apt install python3-venv), or name one: make setup PYTHON=/path/to/python3.12"
    )


def answer(command):
    """What a command prints, or None if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


def wants_cpu_torch():
    """Linux, no NVIDIA GPU, and PyTorch's list answers soon: a closed network must not make anyone wait."""
    if platform.system() != "Linux" or shutil.which("nvidia-smi") or os.path.exists("/proc/driver/nvidia"):
        return False
    found = []

    def look():
        try:
            found.append(urllib.request.urlopen(CPU_TORCH + "/torch/", timeout=4).status == 200)
        except OSError as error:
            found.append(False)
            with open(str(LOG), "a") as log:
                log.write("PyTorch's list of CPU builds does not answer (%s)\n" % error)

    looker = threading.Thread(target=look, daemon=True)  # looking up a name can outlast any timeout: do not wait
    looker.start()
    looker.join(5)
    return found == [True]


def pip(arguments):
    """pip install with the tested versions; all it says goes to the log, milestones to the screen."""
    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PYTHONUNBUFFERED="1")
    environment.setdefault("PIP_DEFAULT_TIMEOUT", "30")
    environment.setdefault("PIP_RETRIES", "2")
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--progress-bar",
        "off",
        "-c",
        "requirements.lock",
    ] + arguments
    with open(str(LOG), "a", encoding="utf-8") as log:
        child = subprocess.Popen(command, cwd=str(ROOT), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for raw in child.stdout:
            line = raw.decode("utf-8", "replace")
            log.write(line)
            if line.lstrip().startswith(("Downloading", "Installing collected")):
                say("  " + line.strip()[:100])
        return child.wait()


def give_up():
    log = LOG.read_text(encoding="utf-8")
    if any(sign in log for sign in NO_NETWORK):
        sys.exit(
            "make.py: the packages could not be fetched: connect to the network (or set pip's proxy), "
            "then give the same command again; details in .venv/install.log"
        )
    sys.exit(log[-2000:] + "\nmake.py: installing failed; the reason is above, all of it in .venv/install.log")


def say(line):
    print(line, flush=True)


def run(*arguments, **environment):
    """Run Python of .venv in the repository; its exit status becomes ours when it fails."""
    status = subprocess.run([str(PYTHON), *arguments], cwd=str(ROOT), env=dict(os.environ, **environment)).returncode
    if status:
        sys.exit(status)


def workbook(options):
    run("-m", "minbert_lib", "notebooks", "--run", *options)
    run("-m", "minbert_lib", "figures")
    say(
        "\nThe notebooks, with their results:  %s\nThe figures:                        %s\n"
        "Work through them yourself:         make lab    (without make: python make.py lab)"
        % (ROOT / ".work" / "notebooks", ROOT / "figures")
    )


def test(options):
    """A process for each core (up to four), a file of tests at a time; PyTorch gets one core in each, or they would jostle."""
    cores = os.cpu_count() or 1
    workers = min(cores, 4)
    share = {"OMP_NUM_THREADS": str(max(1, cores // workers))}
    run("-m", "pytest", "--numprocesses", str(workers), "--dist", "loadfile", *options, **share)


def lab(options):
    run("-m", "minbert_lib", "notebooks", "--lab", "--", *options)


def figures(options):
    run("-m", "minbert_lib", "figures", *options)


def tiny_bert(options):
    run("-m", "minbert_lib.lab.tiny", str(Path("data") / "tiny-bert"), *options)


COMMANDS = {"workbook": workbook, "test": test, "lab": lab, "figures": figures, "tiny-bert": tiny_bert}


def main(arguments):
    name = arguments[0] if arguments else "help"
    if name not in COMMANDS and name != "setup":
        print(__doc__)
        sys.exit(name not in ("help", "-h", "--help"))
    setup()
    if name in COMMANDS:
        COMMANDS[name](arguments[1:])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
