//! Checks JSON against docs/load-report.schema.json: the part of JSON Schema that the file uses.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/load-report.schema.json");

/// Everything that does not follow the schema, each with its place.
pub(crate) fn faults(json: &Value) -> Vec<String> {
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut faults = Vec::new();
    check(&root, &root, json, "$", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        return check(root, &root["$defs"][name], value, at, faults);
    }
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        let of = |option: &Value| {
            let mut own = Vec::new();
            check(root, option, value, at, &mut own);
            own
        };
        // The faults of the only other choice than null say more than "none fits".
        if !options.iter().any(|option| of(option).is_empty()) {
            faults.extend(of(&options[0]));
        }
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        faults.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    if let Some(types) = schema.get("type") {
        let names: Vec<&str> = types.as_array().map_or_else(
            || types.as_str().into_iter().collect(),
            |types| types.iter().filter_map(Value::as_str).collect(),
        );
        if !names.iter().any(|name| is_of_type(value, name)) {
            faults.push(format!("{at}: {value} is not {names:?}"));
        }
    }
    check_object(root, schema, value, at, faults);
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        for (index, item) in list.iter().enumerate() {
            check(root, items, item, &format!("{at}[{index}]"), faults);
        }
    }
}

fn check_object(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return };
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            faults.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, value) in object {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(property), _) => check(root, property, value, &at, faults),
            (None, Value::Bool(false)) => faults.push(format!("{at} is not in the schema")),
            (None, Value::Object(_)) => check(root, &schema["additionalProperties"], value, &at, faults),
            (None, _) => {}
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("the schema uses type {other}, which is not checked"),
    }
}
