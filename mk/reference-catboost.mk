# CatBoost's own library as reference: fetched from crates.io, never part of a plain build.

.PHONY: reference-catboost check-reference check-reference-catboost bench-catboost

REFERENCE_CATBOOST := $(TARGET)/reference/catboost
CATBOOST_LIBRARY   := $(REFERENCE_CATBOOST)/libcatboostmodel.so

reference-catboost: $(CATBOOST_LIBRARY) ## fetch CatBoost's own library (8 MB, from crates.io)

# The package catboost2-sys carries the library of CatBoost 1.0.5, which reads the files of newer ones too. Its build
# script fails when it runs a second time, so it is only downloaded, as the dependency of a package that is never built.
$(CATBOOST_LIBRARY):
	mkdir -p $(REFERENCE_CATBOOST)/fetch/src
	printf '[workspace]\n[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\ncatboost2-sys = "=0.1.1"\n' \
		> $(REFERENCE_CATBOOST)/fetch/Cargo.toml
	touch $(REFERENCE_CATBOOST)/fetch/src/lib.rs
	cd $(REFERENCE_CATBOOST)/fetch && $(CARGO) vendor --versioned-dirs vendor > /dev/null
	tar --zstd -xf $(REFERENCE_CATBOOST)/fetch/vendor/catboost2-sys-0.1.1*/libs.tar -C $(REFERENCE_CATBOOST) libcatboostmodel.so
	rm -r $(REFERENCE_CATBOOST)/fetch
	touch $@

check-reference-catboost: $(CATBOOST_LIBRARY) ## compare our CatBoost engine with CatBoost's own library
	YUMMY_CATBOOST_LIBRARY=$(abspath $(CATBOOST_LIBRARY)) \
		$(CARGO) test -p yummy-models --features reference-catboost --test catboost --locked -- --nocapture reference

check-reference: check-reference-lightgbm check-reference-catboost ## compare our engines with the libraries' own

# YUMMY_CATBOOST_BENCH names the folder that daemon/models/scripts/bench_catboost.py wrote its models to.
bench-catboost: $(CATBOOST_LIBRARY) ## time our CatBoost engine beside CatBoost's own library
	YUMMY_CATBOOST_LIBRARY=$(abspath $(CATBOOST_LIBRARY)) \
		$(CARGO) run --release -p yummy-models --features reference-catboost --example catboost_speed --locked
