//! Readable stacks: short names, no thread numbers, no plumbing between our own functions.
//!
//! A trimmed stack keeps its leaf, so no sample changes what it says was running; it only loses frames between.

/// First parts of the paths of frames that carry a call along without saying what for.
const PLUMBING: [&str; 16] = [
    "std",
    "core",
    "alloc",
    "tokio",
    "tokio_stream",
    "tower",
    "tower_service",
    "tower_layer",
    "futures_core",
    "futures_util",
    "hyper_util",
    "http_body_util",
    "axum",
    "axum_core",
    "tracing",
    "tracing_core",
];
/// What starts a thread or a program.
const STARTERS: [&str; 9] = [
    "_start",
    "__libc_start_main",
    "__libc_start_call_main",
    "main",
    "clone",
    "clone3",
    "__clone3",
    "start_thread",
    "[unknown]",
];

/// A thread's name without its number, so that the stacks of equal threads merge.
pub(crate) fn thread(name: &str) -> String {
    let trimmed = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    let name = if trimmed.is_empty() { "thread" } else { trimmed };
    no_separator(name)
}

/// The frames of a stack for reading, from demangled names and source files, root first.
pub(crate) fn trim<'a>(frames: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Vec<String> {
    let all: Vec<_> = frames.map(|(name, file)| (short(name), file)).collect();
    let Some(((leaf, _), callers)) = all.split_last() else { return Vec::new() };
    let ours = callers.iter().filter(|(name, file)| !is_plumbing(name, *file));
    let mut kept: Vec<String> = ours.map(|(name, _)| name.clone()).collect();
    if kept.is_empty() {
        // All plumbing: the runtime's nearest function says which part of it.
        kept.extend(callers.iter().rev().find(|(name, _)| name.starts_with("tokio::")).map(|(name, _)| name.clone()));
    }
    kept.push(leaf.clone());
    // An async function and its body, a function and its closures, a recursion: one frame.
    kept.dedup();
    kept
}

/// Whether a function is the way into the allocator: all stacks of a heap profile go through it, once.
pub(crate) fn is_allocator(name: &str) -> bool {
    let name = short(name);
    let last = name.rsplit("::").next().unwrap_or(&name);
    name.starts_with("yummyd::profile::heap::allocator::")
        || ["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"].contains(&last)
}

/// Whether a function is of the standard library, which asks for memory for others.
pub(crate) fn is_std(name: &str, file: Option<&str>) -> bool {
    let of = crate_of(name, file);
    of.is_some_and(|of| ["std", "core", "alloc"].contains(&of))
}

/// As [`trim`], for stacks whose leaf says nothing when it is plumbing: memory is asked for by `alloc`, for others.
pub(crate) fn trim_leaf<'a>(frames: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Vec<String> {
    let all: Vec<_> = frames.collect();
    let end = all.iter().rposition(|(name, file)| !is_plumbing(&short(name), *file)).map_or(all.len(), |last| last + 1);
    trim(all[..end].iter().copied())
}

/// A name as a folded stack can hold it: `;` separates frames.
pub(crate) fn no_separator(name: &str) -> String {
    name.replace(';', ",")
}

fn is_plumbing(name: &str, file: Option<&str>) -> bool {
    let of = crate_of(name, file);
    STARTERS.contains(&name) || of.is_some_and(|of| PLUMBING.contains(&of)) || name.starts_with("__rust_")
}

/// Builds with little debug information know inlined functions by their last part only: their file says whose they are.
fn crate_of<'a>(name: &'a str, file: Option<&'a str>) -> Option<&'a str> {
    name.split_once("::").map_or_else(|| file.and_then(crate_of_file), |(first, _)| Some(first))
}

/// The crate of a source file, where the compiler or cargo has put it: `…/library/NAME/…`, `…/registry/src/…/NAME-1.2.3/…`.
fn crate_of_file(file: &str) -> Option<&str> {
    if let Some((before, rest)) = file.split_once("/library/")
        && before.starts_with("/rustc/")
    {
        return rest.split('/').next();
    }
    let (_, rest) = file.split_once("/registry/src/")?;
    Some(rest.split('/').nth(1)?.rsplit_once('-')?.0)
}

/// A name without generic arguments, trait qualifications and closure markers:
/// `<yummyd::serve::Face<S> as tower::Service<R>>::call::{{closure}}` is `yummyd::serve::Face::call`.
pub(crate) fn short(name: &str) -> String {
    let path = without_generics(name.strip_prefix('_').filter(|rest| rest.starts_with('<')).unwrap_or(name));
    let parts: Vec<_> = path.split("::").filter(|part| !is_closure(part)).collect();
    no_separator(&if parts.is_empty() { "{closure}".to_owned() } else { parts.join("::") })
}

fn is_closure(part: &str) -> bool {
    part == "{{closure}}" || part.starts_with("{closure#") || part == "{async fn body}" || part.starts_with("{async")
}

/// Drops `<…>` after a name, and puts the type in place of `<Type as Trait>` and `<impl Trait for Type>`.
fn without_generics(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('<') {
        let Some(length) = balanced(&rest[open..]) else { break };
        out.push_str(&rest[..open]);
        let inner = &rest[open + 1..open + length - 1];
        if out.is_empty() {
            out.push_str(&self_type(inner));
        } else if let Some(of) = inner.strip_prefix("impl ") {
            // The path before it is only where the implementation stands.
            out = split_outside(of, " for ").map_or_else(|| without_generics(of), |(_, ty)| without_generics(ty));
        } else if out.ends_with("::") {
            out.truncate(out.len() - 2);
        }
        rest = &rest[open + length..];
    }
    out + rest
}

/// The type of `Type as Trait`; the trait where the type is a bare parameter, which says nothing.
fn self_type(inner: &str) -> String {
    let (ty, of) = split_outside(inner, " as ").map_or((inner, None), |(ty, of)| (ty, Some(of)));
    let ty = without_generics(ty.trim_start_matches(['&', '*']).trim_start_matches("mut ").trim_start_matches("dyn "));
    match of {
        Some(of) if ty.len() <= 2 => without_generics(of),
        _ => ty,
    }
}

/// Length of the text from `<` to the `>` that closes it. The `>` of an arrow closes nothing.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
        before = c;
    }
    None
}

/// Splits at a word that is not within angle brackets.
fn split_outside<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0_i32;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            ' ' if depth == 0 && text[at..].starts_with(word) => return Some((&text[..at], &text[at + word.len()..])),
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn no_file(name: &str) -> (&str, Option<&str>) {
        (name, None)
    }

    #[test]
    fn a_name_without_a_path_is_judged_by_its_file() {
        let stack = [
            ("{closure#0}<T>", Some("/rustc/0123/library/std/src/thread/mod.rs")),
            ("poll", Some("/u/.cargo/registry/src/index.crates.io-1949/futures_util-0.3.34/src/lib.rs")),
            ("score", Some("daemon/src/serve/mlflow.rs")),
            ("parse", Some("/u/.cargo/registry/src/index.crates.io-1949/fast-float2-0.2.3/src/lib.rs")),
            ("mul", Some("/rustc/0123/library/core/src/num/mod.rs")),
        ];
        assert_eq!(trim(stack.into_iter()), ["score", "parse", "mul"]);
    }

    #[test]
    fn names_are_short() {
        for (long, expected) in [
            ("yummyd::serve::score", "yummyd::serve::score"),
            ("yummyd::serve::score::{{closure}}", "yummyd::serve::score"),
            ("yummyd::serve::score::{closure#0}", "yummyd::serve::score"),
            ("<yummyd::serve::Face<S> as tower::Service<R>>::call", "yummyd::serve::Face::call"),
            ("<F as axum::handler::Handler<(M,T1),S>>::call", "axum::handler::Handler::call"),
            ("core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "core::ptr::drop_in_place"),
            ("core::ptr::drop_in_place::<alloc::vec::Vec<u8>>", "core::ptr::drop_in_place"),
            ("core::fmt::num::<impl core::fmt::Display for u8>::fmt", "u8::fmt"),
            ("serde_json::de::<impl serde::Deserialize<'de> for m::V<T>>::go::{{closure}}", "m::V::go"),
            ("<alloc::boxed::Box<dyn Fn(u8) -> u8> as core::ops::Fn<(u8,)>>::call", "alloc::boxed::Box::call"),
            ("<[u8; 4] as m::T>::f", "[u8, 4]::f"),
            ("{closure#0}<T>", "{closure}"),
            ("__memmove_avx512_unaligned_erms", "__memmove_avx512_unaligned_erms"),
            ("a::operator<", "a::operator<"),
        ] {
            assert_eq!(short(long), expected, "{long}");
        }
    }

    #[test]
    fn plumbing_goes_and_the_leaf_stays() {
        let stack = [
            "clone3",
            "start_thread",
            "std::sys::thread::unix::Thread::new::thread_start",
            "tokio::runtime::scheduler::multi_thread::worker::run",
            "<core::pin::Pin<P> as core::future::future::Future>::poll",
            "yummyd::serve::score::{{closure}}",
            "yummyd::serve::score",
            "core::slice::sort",
            "yummy_models::engine::predict",
            "core::num::mul",
        ];
        assert_eq!(
            trim(stack.into_iter().map(no_file)),
            ["yummyd::serve::score", "yummy_models::engine::predict", "core::num::mul"]
        );
    }

    #[test]
    fn a_stack_of_plumbing_says_which() {
        let stack = ["clone3", "std::rt::lang_start", "tokio::runtime::park::park", "core::hint::f", "epoll_wait"];
        assert_eq!(trim(stack.into_iter().map(no_file)), ["tokio::runtime::park::park", "epoll_wait"]);
        assert_eq!(trim(["main"].into_iter().map(no_file)), ["main"]);
    }

    #[test]
    fn a_leaf_that_only_allocates_is_plumbing_too() {
        let stack = ["main", "yummyd::registry::load", "alloc::vec::Vec<T>::push", "alloc::raw_vec::finish_grow"];
        assert_eq!(trim_leaf(stack.into_iter().map(no_file)), ["yummyd::registry::load"]);
        assert_eq!(trim_leaf(["main", "core::f"].into_iter().map(no_file)), ["core::f"]);
        for name in ["__rustc::__rust_realloc", "<yummyd::profile::heap::allocator::Sampling<A> as T>::alloc"] {
            assert!(is_allocator(name), "{name}");
        }
        assert!(!is_allocator("alloc::alloc::alloc"));
    }

    #[test]
    fn threads_lose_their_numbers() {
        for (name, expected) in [("yummyd-io-3", "yummyd-io"), ("tokio-rt-worker", "tokio-rt-worker"), ("17", "thread")]
        {
            assert_eq!(thread(name), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_can_be_shortened(name in "[a-z:<>&; \\-{}#0-9é]{0,60}") {
            prop_assert!(!short(&name).contains(';'));
        }

        #[test]
        fn the_leaf_always_stays(names in prop::collection::vec("(std|core|tokio|yummyd|x)::[a-c]{1,2}", 1..12)) {
            let trimmed = trim(names.iter().map(|name| no_file(name)));
            prop_assert_eq!(trimmed.last(), names.last());
        }
    }
}
