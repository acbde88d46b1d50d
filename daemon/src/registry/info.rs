//! What the catalog says of one version.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use yummy_api::{
    catalog::{ColumnInfo, ModelInfo, ModelState},
    routes,
};
use yummy_models::{Method, Shape, Values, signature::Schema};

use super::{Loaded, found::Found};

/// What is known of a version before anything of it is loaded.
pub(super) fn of_found(found: &Found, state: ModelState, reason: Option<String>) -> ModelInfo {
    ModelInfo {
        name: found.name.clone(),
        version: found.version,
        model_id: found.model_id.clone(),
        run_id: found.run_id.clone(),
        aliases: found.aliases.clone(),
        stage: found.stage.clone(),
        state,
        reason,
        newest: false,
        flavor: None,
        model_class: None,
        trees: None,
        features: None,
        inputs: None,
        outputs: None,
        output: None,
        example: None,
        size_bytes: None,
        files: Arc::default(),
        load_ms: None,
        ready_unix_ms: None,
        invocations: routes::invocations(&found.name, found.version),
        stats: routes::model_stats(&found.name),
    }
}

/// Adds what loading found out.
pub(super) fn add_loaded(info: &mut ModelInfo, loaded: &Loaded) {
    let mlmodel = loaded.model.mlmodel();
    let scorer = loaded.model.scorer();
    let flavor = mlmodel.native_flavor();
    info.run_id = info.run_id.take().or_else(|| mlmodel.run_id.clone());
    info.model_id = info.model_id.take().or_else(|| mlmodel.model_id.clone());
    info.flavor = flavor.map(str::to_owned);
    info.model_class = flavor.and_then(|flavor| {
        let class = mlmodel.flavor_key(flavor, "model_class").or_else(|| mlmodel.flavor_key(flavor, "model_type"))?;
        Some(class.rsplit('.').next().unwrap_or(class).to_owned())
    });
    info.trees = Some(scorer.summary().trees as u64);
    info.features = Some(scorer.features().len() as u64);
    info.inputs = mlmodel.signature.inputs.as_ref().map(columns);
    info.outputs = mlmodel.signature.outputs.as_ref().map(columns);
    info.output = scorer.output(Method::Predict).map(|output| {
        let shape = match output.shape {
            Shape::Vector => "[n]".to_owned(),
            Shape::Matrix(width) => format!("[n, {width}]"),
        };
        let values = match &output.values {
            Values::Float => "float64".to_owned(),
            Values::Int => "int64".to_owned(),
            Values::Labels(labels) => format!("labels ({} classes)", labels.len()),
        };
        format!("{shape} {values}")
    });
    info.example.clone_from(&loaded.example);
    info.load_ms = Some(loaded.load_time.as_secs_f64() * 1e3);
}

fn columns(schema: &Schema) -> Vec<ColumnInfo> {
    match schema {
        Schema::Columns(columns) => columns
            .iter()
            .map(|column| ColumnInfo { name: column.name.clone(), kind: column.kind.name(), required: column.required })
            .collect(),
        Schema::Tensors(tensors) => tensors
            .iter()
            .map(|tensor| ColumnInfo {
                name: tensor.name.clone(),
                kind: format!("{} {:?}", tensor.dtype, tensor.shape),
                required: true,
            })
            .collect(),
    }
}

/// Now, in milliseconds since the Unix epoch.
pub(super) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
