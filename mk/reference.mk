# The native LightGBM engine against LightGBM's own library (crate lightgbm3, which builds its C++).
#
# Needs a C++ compiler and python3 with venv. cmake >= 3.28 and libclang come from PyPI into a virtual environment, since
# distributions' cmake is older. The first build takes about five minutes of CPU; it has a target directory of its own so
# that it is not repeated whenever the environment of another build differs.

REFERENCE_VENV   ?= target/reference-venv
REFERENCE_TARGET ?= target/reference
REFERENCE_ROWS   ?= 1000000

# The libclang wheel has no headers of its own: it is told where the compiler keeps stddef.h.
REFERENCE_ENV = PATH="$(abspath $(REFERENCE_VENV))/bin:$$PATH" \
	LIBCLANG_PATH="$$(echo $(abspath $(REFERENCE_VENV))/lib/python3*/site-packages/clang/native)" \
	BINDGEN_EXTRA_CLANG_ARGS="-isystem $$($(CC) -print-file-name=include)" \
	CARGO_TARGET_DIR="$(abspath $(REFERENCE_TARGET))"

$(REFERENCE_VENV)/installed:
	python3 -m venv $(REFERENCE_VENV)
	$(REFERENCE_VENV)/bin/pip install --quiet 'cmake>=3.28' libclang
	touch $@

.PHONY: check-reference-lightgbm bench-lightgbm
check-reference-lightgbm: $(REFERENCE_VENV)/installed ## compare the native LightGBM engine with LightGBM itself
	$(REFERENCE_ENV) YUMMY_REFERENCE_ROWS=$(REFERENCE_ROWS) \
		cargo test --release -p yummy-models --features reference-lightgbm --test lightgbm_reference
	$(REFERENCE_ENV) YUMMY_DAMAGED_FILES=10000 \
		cargo test --release -p yummy-models --features reference-lightgbm --test lightgbm_damaged

# YUMMY_ENGINE_MODELS names the folder that fixtures/engines/gen_lgb.py wrote its models to.
bench-lightgbm: $(REFERENCE_VENV)/installed ## time the native LightGBM engine beside LightGBM itself
	$(REFERENCE_ENV) cargo run --release -p yummy-models --features reference-lightgbm --example lightgbm_table
