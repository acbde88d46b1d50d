# The checks of the load engine that take minutes, and its null server.

.PHONY: test-long null-server

test-long: ## searches on servers of known capacity, with the machine otherwise idle (11 minutes)
	YUMMY_LONG_TESTS=1 $(CARGO) test --release --locked -p yummy-load --test truth -- --nocapture --test-threads=1

null-server: ## a server that answers at once, as the ceiling of load generators; stops after ten minutes
	$(CARGO) run --release --locked -p yummy-load --example null_server
