# Everything runs in .venv, made on first use by the python3 at hand. PYTHON= names another one.

PYTHON ?= python3
BIN := .venv/bin
# What takes long by itself is left out: MARKED= runs all.
MARKED ?= not slow
INSTALLED := .venv/.installed

# The tests start hundreds of processes, each of which would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test test-all demo lint build clean

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 4 --dist worksteal -m "$(MARKED)" $(ARGS)

test-all: $(INSTALLED)
	$(BIN)/python -m matrix all

demo: $(INSTALLED)
	$(BIN)/python -m example_project $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

build: $(INSTALLED)
	rm -rf dist
	$(BIN)/python -m build --no-isolation

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf .venv .cache dist build .hypothesis .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
