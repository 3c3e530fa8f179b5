# Everything here is plain enough to type by hand; the README shows how on Windows.
VENV   := .venv
PY     := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
TORCH  := 2.13.0
PYTHON ?= python3

# Where torch comes from: a local wheel folder if PIP_FIND_LINKS or UV_FIND_LINKS names one, else the build
# that UV_TORCH_BACKEND asks for (cpu, cu130, …), else the one that fits this machine's GPU or its absence.
ifneq ($(UV_FIND_LINKS)$(PIP_FIND_LINKS),)
  export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
  TORCH_FROM := the wheel folder in PIP_FIND_LINKS
else
  export UV_TORCH_BACKEND ?= auto
  TORCH_FROM := UV_TORCH_BACKEND=$(UV_TORCH_BACKEND)
endif

.PHONY: help env demo test test-all test-gpu lint lock lock-check bench samples clean

help:            ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

env: $(VENV)/.ready   ## make the environment in .venv (seconds from a warm package cache)

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Ladder needs Python 3.11 or newer: make env PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(UV) || $(PY) -m pip install --quiet uv
	@echo "Installing torch $(TORCH) ($(TORCH_FROM)), then the locked packages …"
	@$(UV) pip install --quiet --python $(PY) "torch==$(TORCH)" --constraint requirements.lock
	@$(UV) pip install --quiet --python $(PY) --only-binary :all: -r requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --editable .
	@touch $@

demo: env        ## start everything and open the first page; Ctrl-C ends it
	@$(VENV)/bin/ladder up --tour

test: env lint   ## the suite at small sizes, one seed; offline
	@$(PY) -m pytest -n 2 --dist loadfile

test-all: env lint  ## everything, the slow ones too
	@$(PY) -m pytest -n 2 --dist loadfile -m "slow or not slow"

test-gpu: env    ## what a GPU must show
	@$(PY) -m pytest -m gpu; status=$$?; test $$status -eq 5 && echo "No GPU test yet: no level that needs one stands." || exit $$status

lint: env        ## ruff, mypy, import-linter
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

# The lock is for every platform and Python we support, and knows no wheel folder. torch is left out, and
# whatever only torch's CUDA builds need: the environment installs torch first, in the build that fits.
COMPILE = env -u UV_FIND_LINKS -u PIP_FIND_LINKS -u UV_TORCH_BACKEND $(UV) pip compile --quiet --universal \
  --python-version 3.11 --only-binary :all: --no-annotate --no-header --group dev --constraint - pyproject.toml
NOT_TORCH = grep -vE '^(torch==|triton|nvidia-|cuda-)'

lock: $(UV)      ## resolve requirements.lock anew from pyproject.toml
	@echo "torch==$(TORCH)" | $(COMPILE) --upgrade | $(NOT_TORCH) > requirements.lock.new
	@mv requirements.lock.new requirements.lock && wc -l requirements.lock

lock-check: $(UV)  ## prove that requirements.lock is a whole resolution of pyproject.toml
	@cp requirements.lock $(VENV)/lock.txt
	@echo "torch==$(TORCH)" | $(COMPILE) --output-file $(VENV)/lock.txt
	@$(NOT_TORCH) $(VENV)/lock.txt | diff requirements.lock -
	@echo "requirements.lock resolves from pyproject.toml with no local wheel folder."

$(UV):
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet uv

bench: env       ## speed and memory, as ratios in one run on this machine
	@$(PY) -m benchmarks.level1
	@$(PY) -m benchmarks.level2

samples: env     ## make level 1's sample clips anew (needs speech synthesizers)
	@$(PY) -m level1_api.make_samples

clean:           ## remove the environment; the home .ladder with your runs stays
	rm -rf $(VENV) build *.egg-info
