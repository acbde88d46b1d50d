//! Reads LightGBM's text format: header, trees, and what follows them.
//!
//! Numbers are read as LightGBM reads them; lines it ignores are ignored. What would make LightGBM read out of bounds
//! or loop for ever is an error here.

use super::{
    booster::{Booster, ScoredTree},
    categories::PandasCategories,
    objective::Objective,
    tree_text,
};
use crate::LoadError;

/// More outputs than any real model has; a wrong number here would make every answer enormous.
const MAX_OUTPUTS: usize = 100_000;

/// Reads a model. `file` is its name in errors.
///
/// # Errors
/// [`LoadError::Invalid`] says where the text is damaged, [`LoadError::Unsupported`] what it uses that is not known.
pub fn parse(file: &str, text: &str) -> Result<Booster, LoadError> {
    let invalid = |reason: String| LoadError::invalid(file, reason);
    let mut lines = Lines::new(text);
    let header = Header::read(&mut lines).map_err(invalid)?;
    let objective = match header.objective {
        Some(line) => Objective::parse(line, header.outputs).ok_or_else(|| {
            LoadError::unsupported(format!("LightGBM objective {line:?} with {} outputs", header.outputs))
        })?,
        None => Objective::Identity,
    };
    let start = lines.position;
    let trees = read_trees(&mut lines, &header).map_err(invalid)?;
    header.check_sizes(trees.len(), text.len() - start).map_err(invalid)?;
    let tail = Tail::read(&mut lines);
    let categorical = tail.categorical.unwrap_or(header.categorical);
    let pandas_categories = PandasCategories::parse(file, tail.pandas_categorical.unwrap_or("null"), categorical)?;
    let linear = tail.linear || trees.iter().any(|tree| tree.linear.is_some());
    Ok(Booster {
        trees,
        outputs: header.outputs,
        feature_names: header.feature_names,
        average_output: header.average_output,
        objective,
        linear,
        pandas_categories,
    })
}

/// The lines of a text, one by one, without their ends.
pub(super) struct Lines<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    pub(super) fn next_line(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest.as_bytes());
        let line = &rest[..end.unwrap_or(rest.len())];
        self.position += end.map_or(rest.len(), |end| end + 1);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    fn peek(&self) -> Option<&'a str> {
        Self { ..*self }.next_line()
    }
}

#[derive(Default)]
struct Header<'a> {
    outputs: usize,
    feature_names: Vec<String>,
    /// Features whose `feature_infos` is a list of categories rather than a range.
    categorical: Vec<usize>,
    average_output: bool,
    objective: Option<&'a str>,
    tree_sizes: Option<Vec<usize>>,
}

impl<'a> Header<'a> {
    /// Reads up to the first tree.
    fn read(lines: &mut Lines<'a>) -> Result<Self, String> {
        if lines.next_line().map(str::trim_end) != Some("tree") {
            return Err("line 1 is not \"tree\": not a LightGBM model".into());
        }
        let mut header = Self::default();
        let (mut num_class, mut outputs, mut features) = (None, None, None);
        while let Some(line) = lines.peek().filter(|line| !line.starts_with("Tree=") && *line != "end of trees") {
            lines.next_line();
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            match key {
                "num_class" => num_class = Some(count(key, value)?),
                "num_tree_per_iteration" => outputs = Some(count(key, value)?),
                "max_feature_idx" => features = Some(count(key, value)? + 1),
                "average_output" => header.average_output = true,
                "objective" => header.objective = Some(value),
                "feature_names" => header.feature_names = words(value).map(str::to_owned).collect(),
                "feature_infos" => header.categorical = categorical(value),
                "tree_sizes" => header.tree_sizes = Some(counts(key, value)?),
                _ => {}
            }
        }
        let num_class = num_class.ok_or("there is no num_class")?;
        header.outputs = outputs.unwrap_or(num_class);
        if header.outputs != num_class || header.outputs == 0 || header.outputs > MAX_OUTPUTS {
            return Err(format!("num_class {num_class} and num_tree_per_iteration {} do not fit", header.outputs));
        }
        if features != Some(header.feature_names.len()) {
            return Err(format!("max_feature_idx and the {} feature_names do not fit", header.feature_names.len()));
        }
        Ok(header)
    }

    /// The header tells how long each tree is: a file that was cut short between two trees, or within the last number,
    /// is found by that.
    fn check_sizes(&self, trees: usize, bytes: usize) -> Result<(), String> {
        let Some(sizes) = &self.tree_sizes else { return Ok(()) };
        if sizes.len() != trees {
            return Err(format!("tree_sizes has {} trees, the file {trees}", sizes.len()));
        }
        let expected = sizes.iter().fold(0_usize, |sum, &size| sum.saturating_add(size));
        if expected > bytes {
            Err(format!("the trees have {expected} bytes, the file {bytes}: it is cut short"))
        } else {
            Ok(())
        }
    }
}

fn read_trees(lines: &mut Lines<'_>, header: &Header<'_>) -> Result<Vec<ScoredTree>, String> {
    let mut trees = Vec::new();
    while let Some(line) = lines.peek() {
        if line.starts_with("Tree=") {
            lines.next_line();
            let tree = tree_text::read(lines, header.feature_names.len());
            trees.push(tree.map_err(|reason| format!("tree {}: {reason}", trees.len()))?);
        } else if line.is_empty() {
            lines.next_line();
        } else {
            break;
        }
    }
    Ok(trees)
}

#[derive(Default)]
struct Tail<'a> {
    linear: bool,
    categorical: Option<Vec<usize>>,
    pandas_categorical: Option<&'a str>,
}

impl<'a> Tail<'a> {
    fn read(lines: &mut Lines<'a>) -> Self {
        let mut tail = Self::default();
        while let Some(line) = lines.next_line() {
            if let Some(list) = line.strip_prefix("[categorical_feature: ").and_then(|rest| rest.strip_suffix(']')) {
                tail.categorical = list.split(',').map(|number| number.trim().parse().ok()).collect();
            } else if line.starts_with("[linear_tree: 1") {
                tail.linear = true;
            } else if let Some(json) = line.strip_prefix("pandas_categorical:") {
                tail.pandas_categorical = Some(json);
            }
        }
        tail
    }
}

/// `feature_infos` are `[min:max]` for numbers, `3:1:0` for categories, `none` for features without a split.
fn categorical(infos: &str) -> Vec<usize> {
    let is_list = |info: &str| info.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    words(infos).enumerate().filter(|(_, info)| is_list(info)).map(|(index, _)| index).collect()
}

/// LightGBM splits at spaces alone: a name may have a tab in it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ').filter(|word| !word.is_empty())
}

fn count(key: &str, value: &str) -> Result<usize, String> {
    value.trim().parse::<u32>().map(|number| number as usize).map_err(|_| format!("{key} is not a number"))
}

fn counts(key: &str, value: &str) -> Result<Vec<usize>, String> {
    value.split_ascii_whitespace().map(|word| count(key, word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUMP: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n\
        objective=regression\nfeature_names=a\tb x=1\nfeature_infos=none 3:1\n\nTree=0\nnum_leaves=1\nnum_cat=0\n\
        leaf_value=2.5\n\n\nend of trees\n\nparameters:\n[linear_tree: 0]\nend of parameters\n\npandas_categorical:null\n";

    #[test]
    fn names_end_at_spaces_alone() {
        let booster = parse("model.lgb", STUMP).unwrap();
        assert_eq!(booster.feature_names, ["a\tb", "x=1"]);
        assert_eq!(booster.pandas_categories.features, [1]);
    }

    /// LightGBM asks its parameters, not its trees, whether there are contributions.
    #[test]
    fn a_model_trained_with_linear_trees_is_linear_even_if_no_leaf_is() {
        assert!(!parse("model.lgb", STUMP).unwrap().linear);
        assert!(parse("model.lgb", &STUMP.replace("[linear_tree: 0]", "[linear_tree: 1]")).unwrap().linear);
    }
}
