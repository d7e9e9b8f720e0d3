# One way to run everything. Each target sets up what it needs in .venv, from python3 and git alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
export UV_PYTHON_DOWNLOADS ?= never
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: help new adopt fleet test test-engines check docs copier-versions copier-floor bench screenshots clean

help:
	@echo "make new DEST=../orders-api                                   a new service, asking the questions"
	@echo "make new DEST=../orders-api ANSWERS=examples/spa-cookies.yml  the same without asking"
	@echo "make adopt SERVICE=../existing                                an existing service moves in"
	@echo "make fleet SERVICES='../services/*'                           a team's services in a table"
	@echo "make test    everything that is promised, proven"
	@echo "make test-engines   the browser model against Chromium, Firefox and WebKit; root may install them"
	@echo "make check   ruff and mypy, for the template and for what it renders"
	@echo "make docs    what is made from code; it also formats the managed files"
	@echo "make copier-versions   the table in docs/updating.md, by running each version"
	@echo "make bench   the figures in the README"
	@echo "make screenshots   its pictures; needs a Chromium"

new: $(VENV)/.new
	@$(BIN)/python hooks/new.py "$(DEST)" "$(ANSWERS)"

adopt: $(VENV)/.service
	@$(BIN)/python hooks/adopt.py $(if $(ANSWERS),--answers "$(ANSWERS)") \
	  $(if $(filter-out 0,$(DEFAULTS)),--defaults) $(if $(PYTHON_OF_SERVICE),--python "$(PYTHON_OF_SERVICE)") "$(SERVICE)"

fleet: $(VENV)/.service
	@$(BIN)/python hooks/fleet.py $(if $(FORMAT),--format $(FORMAT)) $(SERVICES)

test: check
	$(BIN)/python -m pytest -n auto --dist worksteal

test-engines: $(VENV)/.test
	bash tests/engines/install.sh
	CORS_REQUIRE_ENGINES=1 $(BIN)/python -m pytest tests/engines

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.test
	$(BIN)/python docs/make.py

copier-versions: $(VENV)/.test
	$(BIN)/python -m tests.copier_versions

copier-floor: $(VENV)/.test
	$(BIN)/python -m tests.copier_versions --declared

bench: $(VENV)/.test
	$(BIN)/python benchmarks/middleware.py
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/scaffold.py
	$(BIN)/python benchmarks/fleet.py

screenshots: $(VENV)/.test
	$(BIN)/python -m tests.screenshots

clean:
	rm -rf $(VENV)

$(VENV)/.uv:
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq uv
	@touch $@

$(VENV)/.new: $(VENV)/.uv pyproject.toml
	@$(UV) --group new
	@touch $@

# What reads or asks services needs the packages of one.
$(VENV)/.service: $(VENV)/.new pyproject.toml
	@$(UV) --group service
	@touch $@

$(VENV)/.test: $(VENV)/.uv pyproject.toml
	@$(UV) --group test --compile-bytecode
	@touch $(VENV)/.new $(VENV)/.service $@
