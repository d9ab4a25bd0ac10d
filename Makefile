# `make demo` sets up and shows the main job; `make test` sets up and passes the tests. Nothing else is needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test check faults lock wheel bench mini mini-free painter clean

demo: $(VENV)/.base
	$(BIN)/hannun demo

# In an order of the seed, so that what fails in it fails again: `make test SEED=2` is another, SEED=default one of each run's own.
SEED ?= 1
test: check browser
	$(BIN)/python -m pytest -n auto --dist loadfile --randomly-seed=$(SEED)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every step of every writer killed or refused, not some of them as in `make test`; ends with a table of what was tried.
faults: $(VENV)/.dev
	HANNUN_FAULTS=long $(BIN)/python -m pytest tests/faults tests/test_crash.py

# deploy/requirements.lock out of what is installed here: after the tests have passed with it.
lock: $(VENV)/.dev
	$(BIN)/python deploy/lock.py

# The wheel and the sdist in dist/: built twice, the same bytes.
wheel: $(VENV)/.dev
	$(BIN)/python deploy/package.py

# What each script of benchmarks/ prints, in docs/benchmarks.md: what is missing of it is run (WHAT=--long: trainings too).
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/all.py --data $(DATA) $(WHAT)

# The embedded weights from data (docs/data.md says which), with progress, resume and a log; they land in build/mini/out.
DATA ?= ../shared/data
mini: $(VENV)/.dev build/frozen/text.onnx build/clipart
	$(BIN)/python -m hannun.recipes.mini --data $(DATA) --clipart build/clipart --frozen build/frozen --work build/mini

# The embedded painter, in an hour and a half of two cores; what draws without its English text model goes into the package.
PAINTER := build/korean_diffusion-tiny
painter: $(VENV)/.dev
	$(BIN)/python -m hannun train korean_diffusion --size tiny --data $(DATA) --work $(PAINTER)
	mkdir -p src/hannun/generate/mini_painter
	cd $(PAINTER)/painter && cp painter.json denoiser.onnx decoder.onnx encoder.onnx head.onnx nothing.npz $(CURDIR)/src/hannun/generate/mini_painter

# Heads for mini's bodies from sources that any use is free of (model card), in the package; in half an hour of two cores.
mini-free: $(VENV)/.dev build/frozen/text.onnx build/clipart
	$(BIN)/python -m hannun.recipes.mini --without-restricted --data $(DATA) --clipart build/clipart --frozen build/frozen --work build/mini --to build/mini/free
	$(BIN)/python -m hannun.recipes.mini.free --from build/mini/free

build/frozen/text.onnx: $(VENV)/.dev
	@$(PIP) --editable '.[mini]'
	@mkdir -p build/frozen
	$(BIN)/python -m hannun.mini.export_text --to build/frozen --keep src/hannun/mini/tokenizer.json

# Debian's drawings and photos with names; elsewhere, unpack openclipart-png, openclipart-svg and tuxpaint-stamps-default into build/clipart.
build/clipart:
	@mkdir -p build/download && cd build/download && apt-get download openclipart-png openclipart-svg tuxpaint-stamps-default
	@for f in build/download/*.deb; do dpkg -x $$f build/clipart; done

clean:
	rm -rf $(VENV) build demo demo.html

# Debian's python3 comes without venv: install it where we may, and say what to do where we may not.
$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv \
	  && $(PYTHON) -m venv $(VENV); } || { echo "error: cannot make a virtual environment; run: sudo apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing hannun (no torch) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "installing what tests and training need …"
	@$(PIP) torch==2.13.0
	@$(PIP) --editable '.[train,imagine,curate,eval,cluster,agents,adapters,formats,peers,service-tests,dev]'
	@touch $@

# A browser for the page's tests, fonts for Korean text, a reader of print; where we may not install them, those tests say why they were skipped.
.PHONY: browser
browser:
	@{ command -v chromium && command -v tesseract; } >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { echo "installing Chromium and Tesseract for the tests …"; apt-get update -qq \
	  && apt-get install -y -qq chromium fonts-nanum tesseract-ocr tesseract-ocr-kor >/dev/null 2>&1; } || true
