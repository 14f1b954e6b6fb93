//! The firmware's proof image holds every public function of the core.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Functions that cannot be named from outside, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[("product_scratch", "in a private module")];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The public functions of a file: `name`, or `Type::name` for a method.
fn public_functions(source: &str) -> Vec<String> {
    let code = source.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    let mut of = None;
    let mut found = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("impl") {
            // A long header is broken after its parameters.
            let rest = if line.ends_with('>') { lines.next().unwrap_or_default() } else { "" };
            let header = without_generics(&format!("{line} {rest}"));
            let header = header.split(" where").next().unwrap_or_default();
            let name = header.trim().trim_start_matches("impl").trim_end_matches('{').trim();
            of = Some(name.rsplit(' ').next().unwrap().to_owned());
        } else if line == "}" {
            of = None;
        }
        let line = line.trim_start();
        let Some(rest) = line.strip_prefix("pub fn ").or(line.strip_prefix("pub const fn ")) else {
            continue;
        };
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        match &of {
            _ if name.is_empty() => {} // a macro's
            Some(of) => found.push(format!("{of}::{name}")),
            None => found.push(name.to_owned()),
        }
    }
    found
}

/// `Mat::<T>::new` as `Mat::new`.
fn without_generics(code: &str) -> String {
    let mut depth = 0_usize;
    let plain: String = code
        .chars()
        .filter(|c| {
            depth += usize::from(*c == '<');
            let outside = depth == 0;
            depth = depth.saturating_sub(usize::from(*c == '>'));
            outside
        })
        .collect();
    plain.replace("::::", "::")
}

/// The paths that a file of the proof names: each function, and each method with its type.
fn named(proof: &str) -> HashSet<String> {
    let paths = without_generics(&proof.replace("->", ""));
    paths
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .flat_map(|path| {
            let path: Vec<&str> = path.trim_end_matches(':').split("::").collect();
            (1..=path.len().min(2)).map(move |n| path[path.len() - n..].join("::"))
        })
        .collect()
}

#[test]
fn every_public_function_is_in_the_proof_image() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let core = tests.join("../core/src");
    let mut missing = Vec::new();
    for file in rust_files(&core) {
        let place = file.strip_prefix(&core).unwrap();
        if place.iter().any(|part| part == "tests") {
            continue;
        }
        // The proof has one file for each folder of the core.
        let room = match place.parent().unwrap().to_str().unwrap() {
            "" => "foundation",
            folder => folder,
        };
        let proof = tests.join("firmware/src/bin/proof").join(room).with_extension("rs");
        let named = named(&fs::read_to_string(&proof).unwrap_or_default());
        for name in public_functions(&fs::read_to_string(&file).unwrap()) {
            if !named.contains(&name) && !EXCEPTIONS.iter().any(|(e, _)| *e == name) {
                missing.push(format!("{}: {name} (in proof/{room}.rs)", place.display()));
            }
        }
    }
    assert!(missing.is_empty(), "add to tests/firmware/src/bin/proof:\n{}", missing.join("\n"));
}
