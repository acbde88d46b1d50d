# The registry against MLflow itself, and its long runs.
#
# check-registry-mlflow makes a virtual environment with MLflow and LightGBM from PyPI; where PyPI is out of reach it says
# so and skips. The other two take minutes: the default test run does the same on a small scale.

MLFLOW_VENV ?= target/mlflow-venv

.PHONY: check-registry-mlflow check-registry-swaps check-registry-pause check-registry-scan
check-registry-mlflow: ## MLflow logs and registers while yummyd runs (file store, sqlite)
	@if { test -x $(MLFLOW_VENV)/bin/python || python3 -m venv $(MLFLOW_VENV); } && \
		{ $(MLFLOW_VENV)/bin/python -c 'import mlflow, lightgbm' 2>/dev/null || \
		$(MLFLOW_VENV)/bin/pip install --quiet mlflow==3.17.2 lightgbm==4.7.0 scikit-learn skops; }; then \
		YUMMY_MLFLOW_PYTHON=$(abspath $(MLFLOW_VENV))/bin/python \
			$(CARGO) test --locked -p yummyd --test registry mlflow -- --nocapture; \
	else echo 'skipped: MLflow cannot be installed from PyPI here'; fi

check-registry-swaps: ## 1,000 versions and alias moves while 8 connections score
	YUMMY_SWAPS=1000 $(CARGO) test --release --locked -p yummyd --test registry swaps -- --nocapture

check-registry-pause: ## what a swap makes requests wait for, when these have a core at once (root)
	YUMMY_SWAPS=300 YUMMY_SWAPS_FIRST=1 $(CARGO) test --release --locked -p yummyd --test registry memory_comes_back -- --nocapture

check-registry-scan: ## what a look at 10,000 runs costs
	YUMMY_SCAN_RUNS=10000 $(CARGO) test --release --locked -p yummyd --test registry scan_cost -- --nocapture
