# `make demo` and `make test` are all a newcomer needs; the first of them makes .venv, the others reuse it.
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
FINN_VERSION := 1.6.1
FINN  := $(VENV)/.installed-finn

.DEFAULT_GOAL := help
.PHONY: help venv finn demo test test-all bench lint fields bitstream clean

help:
	@echo "make demo       train, export, build and verify a small network into runs/demo (minutes)"
	@echo "make finn       install FINN (finn-plus $(FINN_VERSION)) into $(VENV), for builds for AMD parts"
	@echo "make test       the tests that take seconds"
	@echo "make test-all   every test, the slow ones too"
	@echo "make bench      the measured figures, each with the command that gives it"
	@echo "make lint       ruff, mypy --strict and the layers of imports"
	@echo "make fields     write the table of hw/up5k/fields.py into the RTL's header and the tables of hw/up5k/README.md"
	@echo "make bitstream  place and route the iCE40 engine again and compare its hash"
	@echo "make clean      remove caches (runs/ and .venv stay)"

venv: $(STAMP)

# Redone when pyproject.toml changes. torch comes first and alone: a second package in the same call may make pip
# prefer another build of it than the CPU one that the machine's pip configuration offers.
$(STAMP): pyproject.toml
	@command -v g++ >/dev/null || command -v c++ >/dev/null || \
	  { echo "owlbit: g++ is missing; Verilator needs a C++ compiler (Debian: apt-get install g++)" >&2; exit 2; }
	@if [ ! -x $(BIN)/python ]; then \
	  for python in python3.11 python3; do \
	    $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && break; python=; \
	  done; \
	  [ -n "$$python" ] || { echo "owlbit: Python 3.11 is missing; looked for python3.11 and python3" >&2; exit 2; }; \
	  echo "owlbit: making $(VENV) with $$python"; \
	  $$python -m venv $(VENV) || exit 2; \
	fi
	@echo "owlbit: installing torch 2.13.0 into $(VENV)"
	@$(BIN)/python -m pip install --quiet torch==2.13.0
	@echo "owlbit: installing owlbit and its dependencies into $(VENV) (some minutes, once)"
	@$(BIN)/python -m pip install --quiet --editable '.[train,bitstream,sense,dev]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/owlbit demo

finn: $(FINN)
	@echo "owlbit: finn-plus $(FINN_VERSION) is in $(VENV)"

# Redone when the base was. finn-plus goes in without its demands, which would replace torch by a CUDA build (see pyproject.toml).
$(FINN): $(STAMP)
	@echo "owlbit: installing finn-plus $(FINN_VERSION) and what it needs into $(VENV); torch stays as it is (some minutes, once)"
	@$(BIN)/python -m pip install --quiet --editable '.[train,bitstream,sense,dev,finn]'
	@$(BIN)/python -m pip install --quiet --no-deps finn-plus==$(FINN_VERSION)
	@touch $@

# Tests that need FINN say that they were skipped, and why, where it cannot be installed.
test: $(STAMP)
	@$(MAKE) --no-print-directory $(FINN) || echo "owlbit: FINN could not be installed; the tests that need it will be skipped" >&2
	@$(BIN)/python -m pytest -q -m "not slow"

test-all: $(STAMP)
	@$(MAKE) --no-print-directory $(FINN) || echo "owlbit: FINN could not be installed; the tests that need it will be skipped" >&2
	@$(BIN)/python -m pytest -q

bench: $(STAMP)
	@$(BIN)/owlbit bench

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fields: $(STAMP)
	@$(BIN)/python -m owlbit.hw.up5k.bitstream.fields_header

bitstream: $(STAMP)
	@$(BIN)/owlbit bitstream

clean:
	rm -rf .pytest_cache .import_linter_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
