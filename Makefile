# `make demo` and `make test` are all a newcomer needs: Python, g++ and make are expected, the rest is installed into .venv by the
# first of them and reused by the others.
FINN_VERSION := 1.6.1
WORKERS := 2
MINUTES := 60

# .venv has Python 3.11 where it is found, since FINN needs it, else 3.13 or 3.12. An interpreter that is named, as in
# `make PYTHON=python3.13 test`, gets an environment of its own, .venv-3.13.
ifneq ($(PYTHON),)
VENV  := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
else
VENV  := .venv
endif
PYTHONS := $(or $(PYTHON),python3.11 python3.13 python3.12 python3)
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
FINN  := $(VENV)/.installed-finn
HAS_FINN_PYTHON = $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'

.DEFAULT_GOAL := help
.PHONY: help venv finn demo search-demo test test-all fuzz soak bench lint docs notebooks pictures fields bitstream clean

help:
	@echo "make demo       train, export, build and verify a small network into runs/demo (minutes)"
	@echo "make search-demo  search a network for the digits in half of the demo's bits into runs/search (ten minutes)"
	@echo "make test       the fast tests, $(WORKERS) at a time, with FINN where it can be installed (under ten minutes)"
	@echo "make test-all   every test: those marked slow too, the containers' among them where Docker runs (long)"
	@echo "make fuzz       damaged files and requests of every kind for an hour, and a table of what became of them; MINUTES=5 is shorter"
	@echo "make soak       the sensor's page under damaged requests for an hour; its memory, descriptors and threads must not grow"
	@echo "make lint       ruff, ruff format, mypy --strict, the layers of imports, spelling and words"
	@echo "make docs       the documentation's site, into site/"
	@echo "make pictures   draw the pictures of the engine's page"
	@echo "make notebooks  run the notebooks of docs/notebooks and keep what they print"
	@echo "make bench      the measured figures, each with the command that gives it"
	@echo "make fields     write the table of hw/up5k/fields.py into the RTL's header and the tables of hw/up5k/README.md"
	@echo "make finn       install FINN (finn-plus $(FINN_VERSION)) into $(VENV), for builds for AMD parts; needs Python 3.11"
	@echo "make bitstream  place and route the iCE40 engine again and compare its hash"
	@echo "make venv       only install what the targets above need; each of them does so by itself"
	@echo "make clean      remove caches (runs/ and .venv stay)"
	@echo
	@echo "PYTHON=python3.13 after any of them takes another Python, 3.11 to 3.13, with an environment of its own, .venv-3.13."

venv: $(STAMP)

# pip is the last thing that goes into a new environment, so where it is, the environment is whole. A Python that is found by name
# may still not run, as pyenv's are for versions that are not chosen.
$(BIN)/pip:
	@for python in $(PYTHONS); do \
	  $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break; \
	  python=; \
	done; \
	[ -n "$$python" ] || { \
	  echo "owlbit: expected Python 3.11, 3.12 or 3.13 with its venv module (Debian: apt-get install python3-venv);" \
	    "tried $(PYTHONS)" >&2; exit 2; }; \
	echo "owlbit: making $(VENV) with $$python"; \
	$$python -m venv $(VENV)

# Redone when pyproject.toml changes. torch comes first and alone: a second package in the same call may make pip
# prefer another build of it than the CPU one that the machine's pip configuration offers. --use-pep517: pip before 23.1, as Debian 12
# has it, else builds wavedrom by setuptools of this environment, which fails with some versions.
$(STAMP): pyproject.toml | $(BIN)/pip
	@command -v g++ >/dev/null || command -v c++ >/dev/null || \
	  { echo "owlbit: g++ is missing; Verilator needs a C++ compiler (Debian: apt-get install g++)" >&2; exit 2; }
	@echo "owlbit: installing torch 2.13.0 into $(VENV)"
	@$(BIN)/python -m pip install --quiet torch==2.13.0
	@echo "owlbit: installing owlbit and its dependencies into $(VENV) (some minutes, once)"
	@$(BIN)/python -m pip install --quiet --use-pep517 --editable '.[train,plot,qonnx,rtl,bitstream,ecp5,board,sense,search,ray,docs,dev]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/owlbit demo

# A folder that holds a search goes on where that was stopped; remove runs/search to begin anew.
search-demo: $(STAMP)
	@$(BIN)/owlbit search models/spaces/digits.toml --out runs/search --jobs $(WORKERS)

finn: $(FINN)
	@echo "owlbit: finn-plus $(FINN_VERSION) is in $(VENV)"

# Redone when the base was. finn-plus goes in without its demands, which would replace torch by a CUDA build (see pyproject.toml).
$(FINN): $(STAMP)
	@$(HAS_FINN_PYTHON) || { echo "owlbit: FINN (finn-plus $(FINN_VERSION)) needs Python 3.11, $(VENV) has" \
	  "$$($(BIN)/python --version); everything else works without FINN" >&2; exit 2; }
	@echo "owlbit: installing finn-plus $(FINN_VERSION) and what it needs into $(VENV); torch stays as it is (some minutes, once)"
	@$(BIN)/python -m pip install --quiet --use-pep517 --editable '.[train,plot,qonnx,rtl,bitstream,ecp5,board,sense,search,ray,docs,dev,finn]'
	@$(BIN)/python -m pip install --quiet --no-deps finn-plus==$(FINN_VERSION)
	@touch $@

# Tests that need FINN say that they were skipped, and why, where it cannot be installed.
TEST = if $(HAS_FINN_PYTHON); then \
	    $(MAKE) --no-print-directory $(FINN) || echo "owlbit: FINN could not be installed; the tests that need it will be skipped" >&2; \
	  else echo "owlbit: FINN needs Python 3.11, $(VENV) has another one; the tests that need it will be skipped" >&2; fi; \
	  $(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist loadfile

test: $(STAMP)
	@$(TEST) -m "not slow"

test-all: $(STAMP)
	@$(TEST)

fuzz: $(STAMP)
	@$(BIN)/python tests/fuzz/fuzz_run.py --minutes $(MINUTES)

soak: $(STAMP)
	@$(BIN)/python tests/fuzz/soak_page.py --minutes $(MINUTES)

bench: $(STAMP)
	@$(BIN)/owlbit bench

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@$(BIN)/python docs/site/check_words.py

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "owlbit: the site is in site/; open site/index.html"

pictures: $(STAMP)
	@$(BIN)/python docs/site/pictures.py

notebooks: $(STAMP)
	@$(BIN)/python docs/site/run_notebooks.py

fields: $(STAMP)
	@$(BIN)/python -m owlbit.hw.up5k.bitstream.fields_header

bitstream: $(STAMP)
	@$(BIN)/owlbit bitstream

clean:
	rm -rf .pytest_cache .import_linter_cache .mypy_cache .ruff_cache .hypothesis
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +
