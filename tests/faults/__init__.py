"""Faults injected on purpose: kills, full disks, damaged and hostile files. `HANNUN_FAULTS=long` tries every step, not some."""

import os

LONG = os.environ.get("HANNUN_FAULTS") == "long"
