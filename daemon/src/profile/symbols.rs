//! Addresses to frames: names, files and lines, with inlined functions as frames of their own.

use std::{collections::HashMap, fs, sync::Arc};

/// One frame of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// Demangled name, or the module in brackets where there is none.
    pub name: Arc<str>,
    /// Source file.
    pub file: Option<Arc<str>>,
    /// Line of the call, or of the leaf's instruction.
    pub line: Option<u32>,
}

/// Looks addresses up, each once.
pub(crate) struct Symbols {
    /// Frames of one address, root first. Apart for leaves, whose address is not a return address.
    known: HashMap<(usize, bool), Vec<Frame>>,
    names: HashMap<String, Arc<str>>,
    modules: Vec<Module>,
}

struct Module {
    start: usize,
    end: usize,
    name: String,
}

impl Symbols {
    pub(crate) fn new() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let modules = maps.lines().filter_map(Module::parse).collect();
        Self { known: HashMap::new(), names: HashMap::new(), modules }
    }

    /// The frames of a stack, root first, from addresses that begin with the leaf.
    pub(crate) fn stack(&mut self, addresses: &[usize]) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(addresses.len());
        for (depth, &address) in addresses.iter().enumerate().rev() {
            frames.extend_from_slice(self.frames(address, depth == 0));
        }
        frames
    }

    fn frames(&mut self, address: usize, leaf: bool) -> &[Frame] {
        let Self { known, names, modules } = self;
        known.entry((address, leaf)).or_insert_with(|| {
            let mut frames = Vec::new();
            // resolve() takes a return address and looks at the byte before it; a leaf's address is meant as it is.
            let looked_up = address + usize::from(leaf);
            backtrace::resolve(std::ptr::without_provenance_mut(looked_up), |symbol| {
                if let Some(name) = symbol.name() {
                    let file = symbol.filename().map(|file| intern(names, &file.to_string_lossy()));
                    frames.push(Frame { name: intern(names, &format!("{name:#}")), file, line: symbol.lineno() });
                }
            });
            if frames.is_empty() {
                let module = modules.iter().find(|module| (module.start..module.end).contains(&address));
                let name = module.map_or("[unknown]", |module| module.name.as_str());
                frames.push(Frame { name: intern(names, name), file: None, line: None });
            }
            // Innermost came first.
            frames.reverse();
            frames
        })
    }
}

impl Module {
    /// A line of `/proc/self/maps` that names a file or a special mapping: `start-end mode offset device inode name`.
    fn parse(line: &str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let path = rest.split_whitespace().nth(4)?;
        let file = path.rsplit('/').next().unwrap_or(path).trim_matches(['[', ']']);
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(Self { start: address(start)?, end: address(end)?, name: format!("[{file}]") })
    }
}

fn intern(names: &mut HashMap<String, Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let shared: Arc<str> = Arc::from(name);
    names.insert(name.to_owned(), Arc::clone(&shared));
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn landmark() -> usize {
        std::hint::black_box(7)
    }

    #[test]
    fn a_function_has_its_name_file_and_line() {
        let frames = Symbols::new().stack(&[landmark as *const () as usize]);
        let leaf = frames.last().expect("a frame");
        assert!(leaf.name.ends_with("symbols::tests::landmark"), "{}", leaf.name);
        assert!(leaf.file.as_deref().is_some_and(|file| file.ends_with("symbols.rs")) && leaf.line.is_some());
        assert_eq!(landmark(), 7);
    }

    #[test]
    fn an_address_without_a_symbol_names_its_module() {
        let mut symbols = Symbols::new();
        symbols.modules = vec![Module { start: 0x1000, end: 0x2000, name: "[libx.so]".to_owned() }];
        let names: Vec<_> = symbols.stack(&[0x1800, 0x800]).iter().map(|frame| frame.name.to_string()).collect();
        assert_eq!(names, ["[unknown]", "[libx.so]"]);
    }

    #[test]
    fn maps_name_files_and_special_mappings() {
        let file = "7f00-7fff r-xp 00000000 08:01 42   /usr/lib/libc.so.6";
        assert_eq!(Module::parse(file).expect("a module").name, "[libc.so.6]");
        let vdso = "7ffc-7ffe r-xp 00000000 00:00 0                          [vdso]";
        assert_eq!(Module::parse(vdso).expect("a module").name, "[vdso]");
        assert!(Module::parse("7f00-7fff rw-p 00000000 00:00 0 ").is_none());
    }
}
