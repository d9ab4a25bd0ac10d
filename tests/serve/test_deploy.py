"""What is written about running the service is true of the code."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import tomllib

import pytest

from hannun.serve.http.settings import ServiceSettings
from tests.conftest import ROOT

FIELDS = {f"HANNUN_{f.name.upper()}" for f in dataclasses.fields(ServiceSettings)}
CLI = {"HANNUN_COLLECTION", "HANNUN_LOG", "HANNUN_KEY", "HANNUN_QDRANT_KEY", "HANNUN_ASK_MODEL", "HANNUN_ASK_URL", "HANNUN_ASK_KEY"}


def named(text: str) -> set[str]:
    return set(re.findall(r"HANNUN_[A-Z_]+", text))


def test_the_docs_name_every_variable_and_no_other() -> None:
    docs = (ROOT / "docs" / "service.md").read_text("utf-8")
    assert named(docs) == FIELDS | CLI
    default = ServiceSettings()
    for name in ("port", "in_flight", "jobs", "body", "pixels", "inputs", "batch", "remember"):
        row = next(line for line in docs.splitlines() if line.startswith("|") and f"HANNUN_{name.upper()}`" in line)
        assert str(getattr(default, name)) in row, row


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "hannun.service"])
def test_what_is_deployed_names_variables_that_are_read(file: str) -> None:
    text = (ROOT / "deploy" / file).read_text("utf-8")
    assert named(text) - {"HANNUN_NAME"} <= FIELDS | CLI and named(text)


def test_the_compose_file_is_whole() -> None:
    yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
    made = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    service = made["services"]["hannun"]
    assert {"qdrant-1", "qdrant-2"} < set(made["services"]) and service["ports"] == ["127.0.0.1:8470:8470"]
    assert float(service["stop_grace_period"].rstrip("s")) > ServiceSettings().grace
    volumes = {v.split(":")[0] for s in made["services"].values() for v in s.get("volumes", ())}
    assert volumes == set(made["volumes"])
    built = service["build"]
    assert (ROOT / "deploy" / built["context"] / built["dockerfile"]).exists()


def test_the_lock_answers_the_project_s_ranges() -> None:
    """What the image takes, with hashes: every dependency of the base install and the image's extras, within its range."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    text = (ROOT / "deploy" / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    pins = {canonicalize_name(row[0].partition("==")[0]): row[0].partition("==")[2] for row in rows}
    assert all(len(row) > 1 and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", h) for h in row[1:]) for row in rows)
    assert "://" not in text and "index" not in text.split("\n", 1)[1]  # whatever index one has may serve the files
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    image = re.search(r"EXTRAS = \((.*)\)", (ROOT / "deploy" / "lock.py").read_text("utf-8"))
    assert image is not None
    extras = [e for name in re.findall(r"\w+", image[1]) for e in project["optional-dependencies"][name]]
    for wanted in map(Requirement, [*project["dependencies"], *extras]):
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), wanted
    assert "--require-hashes" in (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


def test_systemd_takes_the_unit() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(ROOT / "deploy" / "hannun.service")], capture_output=True, text=True, timeout=60
    )
    complaints = [line for line in done.stderr.splitlines() if "hannun.service" in line and "is not executable" not in line]
    assert not complaints
