"""What one process holds in memory."""

from pathlib import Path

from tests.bench.load import press, submissions
from tests.processes import Process

Measured = list[tuple[str, float, str, str, str]]


async def measure(folder: Path) -> Measured:
    """Memory: everything in one process, idle and after some thousand tickets"""
    settings = {"database_url": f"sqlite:///{folder / 'memory.db'}", "log_level": "error"}
    with Process(["services", "up"], settings, folder / "memory.log").start().ready() as process:
        idle = resident(process.pid)
        tally = await press(process.port, submissions(), 5.0, 8)
        peak = resident(process.pid, "VmHWM")
    tickets = sum(tally.answers.values())
    return [
        ("memory of the embedded process, idle", idle, "MB", "≤ 250", "VmRSS when ready"),
        ("memory of the embedded process, peak", peak, "MB", "≤ 250", f"VmHWM after {tickets} tickets in 5 s"),
    ]


def resident(pid: int, field: str = "VmRSS") -> float:
    """MB (10^6 bytes), from the kernel's account."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field} for {pid}")
