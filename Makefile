# `make run` trains, judges and pushes a model; `make test` runs the tests. Both set up what they need in .venv first.
CONFIG ?= data_schemas/sample/dataset.yaml
PYTHON := .venv/bin/python
# Any Python 3 starts the set-up. Called from / so that a version file here cannot point a version manager elsewhere.
ANY_PYTHON = $(shell cd / && command -v python3 || command -v python)

.PHONY: run frontier kubeflow review runs compare test test-all bench schema reference lint lock environment clean

run: environment
	@$(PYTHON) -m pipeline.cli run "$(CONFIG)"

# The settings of CONFIG's `frontier` block, trained and compared; WORKERS=… processes, one for each core where absent.
frontier: environment
	@$(PYTHON) -m pipeline.cli frontier "$(CONFIG)" $(if $(WORKERS),--workers "$(WORKERS)")

# Compiles the pipeline for Kubeflow Pipelines: make kubeflow IMAGE=… PIPELINE_ROOT=… [TARGET=kfp|vertex] (kubeflow/README.md)
kubeflow: environment
	@FAIR_RUN_CONFIG="$(CONFIG)" KUBEFLOW_IMAGE="$(IMAGE)" KUBEFLOW_PIPELINE_ROOT="$(PIPELINE_ROOT)" \
		KUBEFLOW_TARGET="$(TARGET)" KUBEFLOW_OUTPUT="$(OUTPUT)" TF_CPP_MIN_LOG_LEVEL=3 \
		$(PYTHON) -W ignore -m kubeflow.runner

# The runs of all datasets, unless CONFIG or DATASET names one.
OF_DATASET = $(if $(filter-out file,$(origin CONFIG)),--config "$(CONFIG)") $(if $(DATASET),--dataset "$(DATASET)")

# Serves the report of RUN (the newest where none is named) on this machine.
review: environment
	@$(PYTHON) -m pipeline.cli review $(if $(RUN),"$(RUN)") $(OF_DATASET) $(if $(PORT),--port "$(PORT)")

runs: environment
	@$(PYTHON) -m pipeline.cli runs $(OF_DATASET) $(if $(JSON),--json)

# Two runs side by side, as `make runs` calls them: make compare A=sample/1 B=sample/2
compare: environment
	@test -n "$(A)" -a -n "$(B)" || { echo "expected two runs: make compare A=… B=…; \`make runs\` lists them" >&2; exit 2; }
	@$(PYTHON) -m pipeline.cli compare "$(A)" "$(B)" $(OF_DATASET) $(if $(ALL),--all) $(if $(JSON),--json)

test: environment
	@$(PYTHON) -m pytest -n auto --dist loadfile -m "not slow"

# FUZZ_FILES: how many generated files each comparison of the reader with pandas and csv takes.
test-all: environment
	@FUZZ_FILES=$(or $(FUZZ_FILES),2000) $(PYTHON) -m pytest -n auto --dist loadfile

# Experiments; each rewrites its table under benchmarks/. An interrupted one goes on. SIZE=full takes the large grids.
bench: SIZE ?= minimum
bench: environment
	@$(PYTHON) -m benchmarks.methods data_schemas/adult/dataset.yaml --seeds 1,2,3 --fpr-gap 0.5 --correlation 0.5 --mmd 2 \
		--table benchmarks/adult.md
	@$(PYTHON) -m benchmarks.evaluation.speed --table benchmarks/evaluation/README.md
	@$(PYTHON) -m benchmarks.evaluation.coverage --table benchmarks/evaluation/README.md
	@$(PYTHON) -m benchmarks.beam.scaling --table benchmarks/beam/README.md
	@$(PYTHON) -m benchmarks.gpu.steps --table benchmarks/gpu/README.md
	@$(PYTHON) -m benchmarks.weighting --size $(SIZE) --table benchmarks/weighting/README.md
	@$(PYTHON) -m benchmarks.sharing --size $(SIZE) --table benchmarks/sharing/README.md
	@$(PYTHON) -m benchmarks.robustness --size $(SIZE) --table benchmarks/robustness/README.md
	@$(PYTHON) -m benchmarks.cost --size $(SIZE) --table benchmarks/cost/README.md
	@$(PYTHON) -m benchmarks.sweep.speed
	@$(PYTHON) -m benchmarks.mtaf --size $(SIZE)
	@$(PYTHON) -m benchmarks.targets --size $(SIZE)
	@$(PYTHON) -m benchmarks.targets --size $(SIZE) --data kuairand --data kuairand-long --data kuairand-activity \
		--data kuairand-activity-long --loss mmd

# Drafts the TFDV schema of a new dataset beside its YAML file; one that is there is brought up to date and keeps its edits.
schema: environment
	@$(PYTHON) -m pipeline.cli schema "$(CONFIG)"

# Writes docs/settings.md, every key of the YAML file, from the settings classes.
reference: environment
	@$(PYTHON) -m pipeline.settings.reference

lint: environment
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy models components pipeline kubeflow

environment:
	@test -n "$(ANY_PYTHON)" || { echo "set-up needs any Python 3 on the PATH" >&2; exit 1; }
	@cd / && "$(ANY_PYTHON)" "$(CURDIR)/pipeline/bootstrap.py"

# Resolves pyproject.toml anew. The lock names versions and hashes, and no address.
lock: environment
	@.bootstrap/bin/uv pip compile pyproject.toml --extra test --python-version 3.10 --generate-hashes --upgrade \
		--no-header --no-annotate --quiet -o requirements.lock
	@.bootstrap/bin/uv pip compile pyproject.toml --extra gpu -c requirements.lock --python-version 3.10 \
		--python-platform x86_64-manylinux_2_28 --generate-hashes --upgrade --no-header --no-annotate --quiet \
		-o kubeflow/requirements.lock

# What runs left and can make again, and the generated sample: says what it removes and what it leaves. Pushed models stay.
clean:
	@"$(ANY_PYTHON)" pipeline/clean.py
