# gradlab's commands. Each sets up what it needs in .venv; a second call is instant.
#   make lab ARGS=--no-browser     make PYTHON=python3.12 test

PYTHON ?= python3
VENV ?= .venv
OLDEST ?= .venv-oldest
ARGS ?=
# The repository on GitHub that holds the course, as owner/name: `make site` links to Binder and Colab.
GITHUB ?=
LIVE = --live 'Binder=https://mybinder.org/v2/gh/$(GITHUB)/HEAD?urlpath=lab/tree/notebooks/{notebook}' \
	--live 'Colab=https://colab.research.google.com/github/$(GITHUB)/blob/gh-pages/colab/{notebook}\#scrollTo={cell}'
RUN := $(VENV)/bin/
RUN_OLDEST := $(OLDEST)/bin/
# Two processes, a file at a time: the cells of a notebook need their order, in one kernel. Side by
# side, more than one thread each is slower.
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder

test test-oldest notebooks: export OMP_NUM_THREADS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab test test-oldest oldest-laws oldest-frameworks oldest-notebooks check bench notebooks site clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

lab: $(VENV)/.course ## Open the course in JupyterLab, on this machine only
	@$(RUN)gradlab lab $(ARGS)

test: $(VENV)/.test ## Run everything: checks, laws, doctests, notebooks, a real browser
	$(RUN)python -m pytest $(IN_TWO) $(ARGS)

test-oldest: $(OLDEST)/.test ## On the oldest admitted versions: laws, doctests, notebooks in 2 GB
	@$(MAKE) --jobs=2 --output-sync=target oldest-laws oldest-notebooks oldest-frameworks

# Two at a time: what comes last begins when the notebooks end, and the laws are not done by then.
OLDEST_LAWS = $(RUN_OLDEST)python -m pytest -m "not browser and not checker and not once" $(ARGS)
FRAMEWORKS := tests/test_recording_ranks.py tests/test_frameworks_ranks.py tests/test_frameworks.py

oldest-laws:
	$(OLDEST_LAWS) gradlab tests $(FRAMEWORKS:%=--ignore=%)

oldest-frameworks:
	$(OLDEST_LAWS) $(FRAMEWORKS)

oldest-notebooks:
	$(RUN_OLDEST)python tests/small_machine.py $(RUN_OLDEST)python -m pytest notebooks $(ARGS)

check: $(VENV)/.test ## Lint, formatting, types, and the law of imports
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports

bench: $(VENV)/.bench ## Measure, and print the tables
	@set -e; for file in tests/bench/bench_*.py; do echo "== $$file"; $(RUN)python "$$file" $(ARGS); done

notebooks: $(VENV)/.test ## Run every notebook again and store its outputs
	$(RUN)python tests/refresh_notebooks.py $(ARGS)

site: $(VENV)/.site ## Write the course as static pages into build/site
	$(RUN)gradlab export build/site --jobs 2 $(if $(GITHUB),$(LIVE)) $(ARGS)
	$(if $(GITHUB),$(RUN)python tests/for_colab.py $(GITHUB) build/site/colab)

clean: ## Remove both environments and everything that was built or cached
	rm -rf $(VENV) $(OLDEST) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find gradlab notebooks tests \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# One stamp per extra: .venv/.course, .venv/.test, .venv/.bench, .venv/.site. __init__.py holds the version. Of the
# 16,000 files most are never imported; Python compiles the others when they are.
$(VENV)/.%: pyproject.toml gradlab/__init__.py $(VENV)/pyvenv.cfg
	$(RUN)python -m pip install --no-compile --editable '.[$*]'
	@touch $@

# The same, with every direct dependency held at its lower bound.
$(OLDEST)/.%: pyproject.toml gradlab/__init__.py tests/oldest.py $(OLDEST)/pyvenv.cfg
	$(RUN_OLDEST)python tests/oldest.py > $(OLDEST)/constraints.txt
	$(RUN_OLDEST)python -m pip install --no-compile --constraint $(OLDEST)/constraints.txt --editable '.[$*]'
	@touch $@

$(VENV)/pyvenv.cfg $(OLDEST)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "gradlab needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"; \
	  exit 1; } >&2
	$(PYTHON) -m venv $(@D)
