"""The broker's jars: fetched by Maven once per version of pom.xml, then found on disk, without a network."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
TARGET = HERE / "target"
OLDEST_JAVA = 17
FETCH_TIMEOUT_S = 900


class NoBroker(RuntimeError):
    """No Apache Kafka can be run here; the message says what is missing."""


def java() -> str:
    found = shutil.which("java")
    if found is None:
        raise NoBroker(f"java is not on the PATH; install a Java {OLDEST_JAVA} runtime or newer")
    told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoBroker(f"{found} is older than Java {OLDEST_JAVA}, which Kafka 4 needs: {told.strip() or 'it names no version'}")
    return found


def jars(pom: Path = POM, target: Path = TARGET) -> Path:
    """The folder with the jars that `pom` names. One process fetches, others wait for it. Raises NoBroker."""
    folder = target / f"jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(pom, folder)
    return folder


def _fetch(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker("mvn is not on the PATH and the jars were never fetched; install Maven 3.6.3 or newer")
    sys.stderr.write("fetching Apache Kafka with Maven, about 45 MB, once\n")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    # -C fails on a jar that does not match its checksum; the rename below makes a half-fetched folder impossible.
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    command = [maven, "-q", "-B", "-C", "-f", str(pom), *goal]
    told = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
    if told.returncode:
        raise NoBroker("Maven could not fetch the jars:\n" + (told.stdout + told.stderr).strip()[-2000:])
    os.replace(partial, folder)


def main() -> None:
    try:
        sys.stdout.write(f"{jars()}\n")
    except NoBroker as missing:
        sys.exit(f"no Kafka broker: {missing}")


if __name__ == "__main__":
    main()
