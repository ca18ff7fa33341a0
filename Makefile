# `make run` trains, judges and pushes a model; `make test` runs the tests. Both set up what they need in .venv first.
CONFIG ?= data_schemas/sample/dataset.yaml
PYTHON := .venv/bin/python
# Any Python 3 starts the set-up. Called from / so that a version file here cannot point a version manager elsewhere.
ANY_PYTHON = $(shell cd / && command -v python3 || command -v python)

.PHONY: run test test-all bench schema lint lock environment clean

run: environment
	@$(PYTHON) -m pipeline.cli run "$(CONFIG)"

test: environment
	@$(PYTHON) -m pytest -n auto --dist loadfile -m "not slow"

test-all: environment
	@$(PYTHON) -m pytest -n auto --dist loadfile

# Experiments; each rewrites its table under benchmarks/. An interrupted one goes on.
bench: environment
	@$(PYTHON) -m benchmarks.methods data_schemas/adult/dataset.yaml --seeds 1,2,3 --fpr-gap 0.5 --correlation 0.5 --mmd 2 \
		--table benchmarks/adult.md
	@$(PYTHON) -m benchmarks.evaluation

# Drafts the TFDV schema of a new dataset beside its YAML file.
schema: environment
	@$(PYTHON) -m pipeline.cli schema "$(CONFIG)"

lint: environment
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy models components pipeline

environment:
	@test -n "$(ANY_PYTHON)" || { echo "set-up needs any Python 3 on the PATH" >&2; exit 1; }
	@cd / && "$(ANY_PYTHON)" "$(CURDIR)/pipeline/bootstrap.py"

# Resolves pyproject.toml anew. The lock names versions and hashes, and no address.
lock: environment
	@.bootstrap/bin/uv pip compile pyproject.toml --extra test --python-version 3.10 --generate-hashes --upgrade \
		--no-header --no-annotate --quiet -o requirements.lock

clean:
	rm -rf runs data
