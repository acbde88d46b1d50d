//! From arguments to a plan: the target is resolved and checked, the bodies are made.

use std::path::Path;

use yummy_api::load::Arrivals;
use yummy_load::{
    LoadError, Plan,
    bodies::{Bodies, MAX_ROWS, file, form::Form, vary, vary::Shape},
    catalog,
    generator::Transport,
    slo::Slo,
    target::{Reach, Target},
};

use super::args::{ArrivalsName, FormName, LoadArgs, ScenarioName};

/// Builds the plan of one run on `args.url`, with `rows` in each request.
pub(crate) fn build(args: &LoadArgs, reach: &Reach, rows: u64) -> Result<Plan, LoadError> {
    check_rows(rows)?;
    let shape = shape(args, rows);
    let (path, model, bodies) = match &args.path {
        Some(path) => {
            let body = args.body.as_deref().ok_or_else(|| LoadError::Bodies {
                source_name: path.clone(),
                reason: "a bare path has no example to send; give bodies with --body FILE".to_owned(),
            })?;
            (path.clone(), String::new(), read_body(args, body, &shape)?)
        }
        None => model_and_bodies(args, reach, &shape)?,
    };
    Ok(Plan {
        target: Target::resolve(&args.url, &path, reach)?,
        model,
        reach: reach.clone(),
        bodies,
        transport: Transport {
            connections: args.connections,
            keep_alive: !args.no_keepalive,
            timeout: args.timeout,
            ..Transport::default()
        },
        slo: Slo { p99: args.p99, errors: args.errors, achieved: args.achieved },
        arrivals: match args.arrivals {
            ArrivalsName::Constant => Arrivals::Constant,
            ArrivalsName::Poisson => Arrivals::Poisson,
        },
        seed: args.seed,
    })
}

fn model_and_bodies(args: &LoadArgs, reach: &Reach, shape: &Shape) -> Result<(String, String, Bodies), LoadError> {
    let chosen = catalog::choose(&args.url, args.model.as_deref(), reach)?;
    let name = args.model.clone().unwrap_or_else(|| chosen.info.name.clone());
    let source = format!("the example of {name}");
    let bodies = match (&args.body, &chosen.info.example, &chosen.info.inputs) {
        (Some(path), _, _) => read_body(args, path, shape)?,
        (None, Some(example), _) => vary::from_example(example, &source, shape)?,
        (None, None, Some(inputs)) => vary::from_signature(inputs, &format!("the signature of {name}"), shape)?,
        (None, None, None) => {
            let reason = "it has neither an example nor a signature; give bodies with --body FILE".to_owned();
            return Err(LoadError::Model { model: name, reason });
        }
    };
    Ok((chosen.path, label(&name, chosen.info.version), bodies))
}

/// What the user named, and the version that answers to it where the name does not say so itself.
fn label(name: &str, version: Option<u64>) -> String {
    match version {
        Some(version) if !name.ends_with(&format!("/{version}")) => format!("{name} v{version}"),
        _ => name.to_owned(),
    }
}

fn check_rows(rows: u64) -> Result<(), LoadError> {
    let bounds = format!("from 1 to {MAX_ROWS}");
    let ok = (1..=MAX_ROWS).contains(&rows);
    ok.then_some(()).ok_or(LoadError::Bounds { what: "the number of rows", given: rows.to_string(), bounds })
}

fn read_body(args: &LoadArgs, path: &Path, shape: &Shape) -> Result<Bodies, LoadError> {
    if args.scenario == ScenarioName::Replay { file::read_recording(path) } else { file::read(path, shape) }
}

fn shape(args: &LoadArgs, rows: u64) -> Shape {
    let form = args.form.map(|form| match form {
        FormName::Split => Form::Split,
        FormName::Records => Form::Records,
        FormName::Inputs => Form::Inputs,
        FormName::Instances => Form::Instances,
        FormName::Csv => Form::Csv,
    });
    Shape { rows, form, seed: args.seed, same_row: args.same_row }
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_target_names_its_version_once() {
        assert_eq!(label("wine", Some(2)), "wine v2");
        assert_eq!(label("wine@champion", Some(1)), "wine@champion v1");
        assert_eq!(label("wine/2", Some(2)), "wine/2");
        assert_eq!(label("m-0f3a", None), "m-0f3a");
    }
}
