//! Every kernel finds the leaves that the plain walk finds: on every recorded model, and on forests that no library
//! would make.

mod common;

use std::fs;

use common::{Random, awkward_rows, goldens, read_json};
use yummy_models::engine::{
    forest::{Forest, Missing, Node, Sink, Split, Tree, ZERO_THRESHOLD, is_zero},
    lightgbm::{Booster, text},
};

/// More than one of the largest blocks, and not a multiple of any.
const ROWS: usize = 330;

#[test]
fn recorded_models() {
    for golden in goldens("lgb_") {
        let Ok(model) = fs::read_to_string(golden.dir.join("model.lgb")) else { continue };
        check_booster(&golden.name, &text::parse("model.lgb", &model).expect("a model"));
    }
    let outputs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lightgbm/outputs.json");
    for (name, model) in read_json(outputs.as_ref())["models"].as_object().expect("models") {
        check_booster(name, &text::parse(name, model["model"].as_str().expect("text")).expect("a model"));
    }
}

fn check_booster(name: &str, booster: &Booster) {
    let trees: Vec<&Tree> = booster.scored_trees().iter().map(|tree| &*tree.tree).collect();
    check(name, &trees, booster.feature_names.len(), ZERO_THRESHOLD);
}

#[test]
fn random_forests() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let features = 1 + random.below(6);
        let trees: Vec<Tree> = (0..1 + random.below(70)).map(|_| random_tree(&mut random, features, 40)).collect();
        check(&format!("seed {seed}"), &trees.iter().collect::<Vec<_>>(), features, ZERO_THRESHOLD);
        check(&format!("seed {seed}"), &trees.iter().collect::<Vec<_>>(), features, -1.0);
    }
}

/// More thresholds than a byte counts, more columns than a byte names, more leaves than a byte numbers.
#[test]
fn forests_beyond_a_byte() {
    let mut random = Random(99);
    for (count, features, leaves) in [(40, 1, 256), (3, 2, 255), (60, 300, 30), (1, 3, 257), (2, 3, 900), (70, 20, 2)] {
        let trees: Vec<Tree> = (0..count).map(|_| random_tree_of(&mut random, features, leaves)).collect();
        let name = format!("{count} trees of {leaves} leaves over {features} features");
        check(&name, &trees.iter().collect::<Vec<_>>(), features, ZERO_THRESHOLD);
    }
}

fn check(name: &str, trees: &[&Tree], features: usize, tiny: f64) {
    let rows = awkward_rows(trees, features, ROWS, 1);
    let expected: Vec<usize> = rows
        .chunks_exact(features)
        .flat_map(|row| {
            let row: Vec<f64> = row.iter().map(|&x| if tiny >= 0.0 && is_zero(x) { 0.0 } else { x }).collect();
            trees.iter().map(move |tree| place(tree, tree.leaf(&row))).collect::<Vec<_>>()
        })
        .collect();
    for forest in Forest::for_every_level(trees, features, tiny) {
        for kernel in forest.kernels() {
            let mut leaves =
                Leaves { trees: trees.len(), leaves: vec![usize::MAX; expected.len()], last: vec![0; ROWS] };
            for (block, cells) in rows.chunks(kernel.rows() * features).enumerate() {
                forest.run(kernel, cells, block * kernel.rows(), &mut leaves);
            }
            assert!(leaves.leaves == expected, "{name}: {kernel:?} of {}", forest.describe());
        }
        let mut leaves = Leaves { trees: trees.len(), leaves: vec![usize::MAX; expected.len()], last: vec![0; ROWS] };
        forest.leaves(&rows, &mut leaves);
        assert!(leaves.leaves == expected, "{name}: {}", forest.describe());
    }
}

/// A leaf's number from left to right.
fn place(tree: &Tree, leaf: u32) -> usize {
    tree.leaves_in_order().iter().position(|&other| other == leaf).expect("a leaf of the tree")
}

/// Collects leaves, and sees to it that each row's trees come in their order.
struct Leaves {
    trees: usize,
    leaves: Vec<usize>,
    last: Vec<usize>,
}

impl Sink for Leaves {
    fn row(&mut self, tree: usize, row: usize, leaf: usize) {
        assert_eq!(self.last[row], tree, "trees come in their order");
        self.last[row] += 1;
        self.leaves[row * self.trees + tree] = leaf;
    }

    fn rows(&mut self, tree: usize, first_row: usize, leaves: &[u8]) {
        leaves.iter().enumerate().for_each(|(row, &leaf)| self.row(tree, first_row + row, usize::from(leaf)));
    }

    fn lanes(&mut self, row: usize, places: &[u32], leaves: &[u8]) {
        places.iter().enumerate().for_each(|(tree, &place)| self.row(tree, row, usize::from(leaves[place as usize])));
    }
}

fn random_tree(random: &mut Random, features: usize, most: usize) -> Tree {
    let leaves = 1 + random.below(most);
    random_tree_of(random, features, leaves)
}

/// Grows a tree as LightGBM does: a leaf is split, the new leaf gets the next number.
fn random_tree_of(random: &mut Random, features: usize, leaves: usize) -> Tree {
    let mut nodes: Vec<Node> = Vec::new();
    // Where each leaf hangs.
    let mut parents: Vec<Option<(usize, bool)>> = vec![None];
    let sets: Vec<Box<[u32]>> = (0..3).map(|_| Box::from([random.next() as u32, random.next() as u32])).collect();
    for new_leaf in 1..leaves {
        let leaf = random.below(new_leaf);
        let node = nodes.len();
        if let Some((parent, left)) = parents[leaf] {
            let child = if left { &mut nodes[parent].left } else { &mut nodes[parent].right };
            *child = node as i32;
        }
        nodes.push(Node {
            feature: random.below(features) as u32,
            split: random_split(random),
            left: !(leaf as i32),
            right: !(new_leaf as i32),
        });
        parents[leaf] = Some((node, true));
        parents.push(Some((node, false)));
    }
    Tree::new(nodes, sets, features).expect("a tree")
}

fn random_split(random: &mut Random) -> Split {
    if random.below(5) == 0 {
        return Split::In(random.below(3) as u32);
    }
    let thresholds = [0.0, -0.0, 1e-35, -1e-35, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX, 1.0];
    let threshold = match random.below(4) {
        0 => thresholds[random.below(thresholds.len())],
        _ => random.unit() * 8.0 - 4.0,
    };
    let missing = [Missing::None, Missing::Zero, Missing::Nan][random.below(3)];
    Split::AtMost { threshold, missing, missing_left: random.below(2) == 0 }
}
