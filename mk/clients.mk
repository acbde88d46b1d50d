# MLflow's own Python clients against a daemon with the demo models.
#
# The virtual environment is that of mk/registry.mk; where PyPI is out of reach this says so and skips.

.PHONY: check-clients
check-clients: ## MLflow's Python clients (ScoringServerClient, get_deploy_client) against yummyd
	$(CARGO) build --release --locked -p yummyd
	@if { test -x $(MLFLOW_VENV)/bin/python || python3 -m venv $(MLFLOW_VENV); } && \
		{ $(MLFLOW_VENV)/bin/python -c 'import mlflow, pandas, requests' 2>/dev/null || \
		$(MLFLOW_VENV)/bin/pip install --quiet mlflow==3.17.2 lightgbm==4.7.0 scikit-learn skops; }; then \
		$(TARGET)/release/yummyd --mlruns assets/mlruns --listen 127.0.0.1:18181 --admin-listen 127.0.0.1:18182 & \
		daemon=$$!; trap 'kill $$daemon; wait $$daemon' EXIT; \
		for try in 1 2 3 4 5 6 7 8 9 10; do \
			if $(MLFLOW_VENV)/bin/python -c 'import requests; requests.get("http://127.0.0.1:18181/models/diabetes/ready").raise_for_status()' 2>/dev/null; then break; fi; sleep 1; \
		done; \
		$(MLFLOW_VENV)/bin/python docs/clients/clients.py http://127.0.0.1:18181 diabetes \
			--columns age,sex,bmi,bp,s1,s2,s3,s4,s5,s6 --row 0.1,0.2,0.3,-0.1,0.05,0,0.01,0.02,0.03,0.04; \
	else echo 'skipped: MLflow cannot be installed from PyPI here'; fi
