//! The Profile screen's state: captures, the tree that is shown, what is selected, zoomed and searched.

use std::fmt::Write as _;

use yummy_api::profile::FoldedStack;

use crate::flame::{Function, Tree, functions};

/// Captures that are kept; the oldest goes first. Each is some 100 kB.
const CAPTURES: usize = 8;

/// Length of a capture, seconds: at 99 Hz about a thousand samples a busy core.
pub(crate) const CAPTURE_S: u32 = 10;

/// One capture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Capture {
    /// Counts captures of this session, from 1.
    pub(crate) number: u32,
    pub(crate) at_ms: u64,
    pub(crate) seconds: f64,
    pub(crate) samples: u64,
    /// Requests a second at its end, the condition that it was taken under.
    pub(crate) rps: Option<f64>,
    pub(crate) stacks: Vec<FoldedStack>,
}

impl Capture {
    /// Reads folded text: `frame;frame;frame count` a line. Lines that are not of this form are left out.
    pub(crate) fn from_folded(text: &str, seconds: f64) -> Self {
        let stacks: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let (frames, count) = line.trim_end().rsplit_once(' ')?;
                let count = count.parse().ok()?;
                Some(FoldedStack { frames: frames.split(';').map(str::to_owned).collect(), count })
            })
            .collect();
        let samples = stacks.iter().map(|s| s.count).sum();
        Self { number: 0, at_ms: 0, seconds, samples, rps: None, stacks }
    }

    /// Writes folded text.
    pub(crate) fn folded(&self) -> String {
        let mut out = String::new();
        for stack in &self.stacks {
            let _ = writeln!(out, "{} {}", stack.frames.join(";"), stack.count);
        }
        out
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ProfileScreen {
    pub(crate) captures: Vec<Capture>,
    taken: u32,
    /// Which capture is shown.
    pub(crate) shown: usize,
    /// Whether it is compared with the one before.
    pub(crate) diff: bool,
    /// Seconds since the epoch at which the capture that is being taken began.
    pub(crate) capturing_since_ms: Option<u64>,
    /// Why the last one failed.
    pub(crate) failed: Option<String>,
    pub(crate) table: bool,
    pub(crate) tree: Option<Tree>,
    pub(crate) functions: Vec<Function>,
    /// Frame that fills the width.
    pub(crate) zoom: usize,
    pub(crate) selected: usize,
    pub(crate) row: usize,
}

impl ProfileScreen {
    /// Takes in a new capture and shows it.
    pub(crate) fn add(&mut self, mut capture: Capture) {
        self.taken += 1;
        capture.number = self.taken;
        if self.captures.len() == CAPTURES {
            self.captures.remove(0);
        }
        self.captures.push(capture);
        self.shown = self.captures.len() - 1;
        self.rebuild();
    }

    /// Shows the capture before the one shown, from the oldest on to the newest.
    pub(crate) fn show_other(&mut self) {
        if !self.captures.is_empty() {
            self.shown = self.shown.checked_sub(1).unwrap_or(self.captures.len() - 1);
            self.rebuild();
        }
    }

    /// Compares with the capture before, or stops. False when there is none.
    pub(crate) fn toggle_diff(&mut self) -> bool {
        self.diff = !self.diff;
        let possible = !self.diff || self.shown > 0;
        self.diff &= possible;
        self.rebuild();
        possible
    }

    /// The capture that is shown.
    pub(crate) fn capture(&self) -> Option<&Capture> {
        self.captures.get(self.shown)
    }

    /// The capture that it is compared with.
    pub(crate) fn compared(&self) -> Option<&Capture> {
        if self.diff { self.shown.checked_sub(1).and_then(|i| self.captures.get(i)) } else { None }
    }

    fn rebuild(&mut self) {
        self.diff &= self.shown > 0;
        let before = self.compared().map(|c| c.stacks.as_slice());
        self.tree = self.capture().map(|c| Tree::new(&c.stacks, before));
        self.functions = self.tree.as_ref().map(functions).unwrap_or_default();
        self.zoom = 0;
        self.selected = 0;
        self.row = 0;
    }

    /// Moves the selection within the tree: down to the widest child, up to the caller, sideways among siblings.
    pub(crate) fn walk(&mut self, step: Step) {
        let Some(tree) = &self.tree else { return };
        let node = &tree.nodes[self.selected];
        let visible = |&at: &usize| tree.nodes[at].total > 0;
        let sibling = |forward: bool| {
            let siblings = &tree.nodes[node.parent?].children;
            let place = siblings.iter().position(|&s| s == self.selected)?;
            let next = if forward { place + 1 } else { place.checked_sub(1)? };
            siblings.get(next).copied().filter(visible)
        };
        let next = match step {
            Step::Down => node.children.first().copied().filter(visible),
            Step::Up => node.parent,
            Step::Left => sibling(false),
            Step::Right => sibling(true),
        };
        if let Some(next) = next {
            self.selected = next;
            // Going above the zoomed frame zooms out with it.
            if !tree.path(next).contains(&self.zoom) {
                self.zoom = next;
            }
        }
    }

    /// Selects the next frame, in the order of the tree, whose name holds the text.
    pub(crate) fn find(&mut self, text: &str, forward: bool) -> bool {
        let Some(tree) = &self.tree else { return false };
        if text.is_empty() {
            return false;
        }
        let needle = text.to_lowercase();
        let count = tree.nodes.len();
        let found = (1..=count)
            .map(|step| if forward { (self.selected + step) % count } else { (self.selected + count - step) % count })
            .find(|&at| tree.nodes[at].total > 0 && tree.nodes[at].name.to_lowercase().contains(&needle));
        if let Some(at) = found {
            self.selected = at;
            if !tree.path(at).contains(&self.zoom) {
                self.zoom = 0;
            }
        }
        found.is_some()
    }
}

/// A direction within the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Up,
    Down,
    Left,
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_text_is_read_and_written_back() {
        let text = "main;hyper::proto::dispatch;yummyd::invocations 12\nmain;a b c 3\n";
        let capture = Capture::from_folded(&format!("# hz 99\n{text}not a stack\n"), 10.0);
        assert_eq!(capture.samples, 15);
        assert_eq!(capture.folded(), text);
    }

    #[test]
    fn the_selection_walks_the_tree_and_never_leaves_it() {
        let mut screen = ProfileScreen::default();
        screen.walk(Step::Down);
        screen.add(Capture::from_folded("a;b 3\na;c 2\n", 1.0));
        let name = |s: &ProfileScreen| s.tree.as_ref().expect("tree").nodes[s.selected].name.clone();
        let steps = [Step::Down, Step::Down, Step::Right, Step::Right, Step::Left, Step::Up, Step::Up, Step::Up];
        let names: Vec<_> = steps
            .into_iter()
            .map(|step| {
                screen.walk(step);
                name(&screen)
            })
            .collect();
        assert_eq!(names, ["a", "b", "c", "c", "b", "a", "all", "all"]);
        assert!(screen.find("C", true) && name(&screen) == "c");
        assert!(!screen.find("zzz", true));
    }

    #[test]
    fn a_first_capture_has_nothing_to_compare_with() {
        let mut screen = ProfileScreen::default();
        screen.add(Capture::from_folded("a 1\n", 1.0));
        assert!(!screen.toggle_diff() && !screen.diff);
        screen.add(Capture::from_folded("b 1\n", 1.0));
        assert!(screen.toggle_diff() && screen.compared().is_some_and(|c| c.number == 1));
    }
}
