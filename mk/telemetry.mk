# The live numbers against a client's.

.PHONY: check-telemetry-truth
check-telemetry-truth: ## percentiles of the daemon and of a client of the same run, with the machine otherwise idle
	YUMMY_TRUTH=1 $(CARGO) test --release --locked -p yummyd --test telemetry truth -- --nocapture
