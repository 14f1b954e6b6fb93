//! The house of the desktop: arrows point down only, and no files import each other in a circle.
//!
//! ```text
//! commands, validate  ->  args, session  ->  report, plot  ->  io, dense  ->  desktop
//! ```
//!
//! An arrow is a path in the code of a file (tests apart), to the file that defines what it names,
//! through re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The rooms with their floors; none imports one on its own floor or above.
const FLOORS: [(&str, u32); 12] = [
    ("main", 8),
    ("lib", 7),
    ("program", 6),
    ("commands", 5),
    ("validate", 4),
    ("session", 3),
    ("args", 2),
    ("report", 1),
    ("plot", 1),
    ("io", 1),
    ("dense", 1),
    ("desktop", 0),
];

/// What stands beside each other and still has an order: who may import whom on one floor.
const BESIDE: [(&str, &str); 3] = [("report", "io"), ("report", "dense"), ("plot", "io")];

/// A path as its names, `crate` first.
type Names = Vec<String>;

/// The paths of one file that lead into the crate.
struct Paths {
    /// The file's own module.
    module: Names,
    found: BTreeSet<Names>,
    /// Names that it hands on: the name and where it is from.
    exports: BTreeMap<String, Names>,
}

impl Paths {
    /// From the crate's root; what begins with another name may be below the file's module.
    fn absolute(&self, path: &[String]) -> Names {
        let first = path.first().map_or("", String::as_str);
        if first == "crate" {
            return path.to_vec();
        }
        let ups = path.iter().take_while(|name| *name == "super").count();
        let from = if first == "self" { 1 } else { ups };
        [&self.module[..self.module.len() - ups], &path[from..]].concat()
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &mut Names, public: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, public);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(tree, before, public));
            }
            syn::UseTree::Name(_) | syn::UseTree::Rename(_) | syn::UseTree::Glob(_) => {
                let (name, alias) = match tree {
                    syn::UseTree::Name(name) => (Some(&name.ident), &name.ident),
                    syn::UseTree::Rename(name) => (Some(&name.ident), &name.rename),
                    _ => (None, &syn::Ident::new("glob", proc_macro2::Span::call_site())),
                };
                let mut path = before.clone();
                path.extend(name.filter(|name| *name != "self").map(ToString::to_string));
                let into = self.absolute(&path);
                if public {
                    self.exports.insert(alias.to_string(), into.clone());
                }
                self.found.insert(into);
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let tokens = quote::ToTokens::to_token_stream(a).to_string();
        tokens.contains("cfg (test)")
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let public = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &mut Vec::new(), public);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if names.len() > 1 {
            self.found.insert(self.absolute(&names));
        }
        syn::visit::visit_path(self, path);
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The module that a file is: `crate`, `desktop`, `kernel`, ...
fn module(file: &Path) -> Names {
    let mut names = vec!["crate".to_owned()];
    names.extend(file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()));
    if ["mod", "lib"].contains(&names.last().map_or("", String::as_str)) {
        names.pop();
    }
    names
}

/// Every module of the program with its paths, files of tests apart.
fn house() -> BTreeMap<Names, Paths> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let modules = files.iter().filter(|file| !file.ends_with("tests.rs")).map(|file| {
        let module = module(file.strip_prefix(&source).unwrap());
        let code = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut paths =
            Paths { module: module.clone(), found: BTreeSet::new(), exports: BTreeMap::new() };
        paths.visit_file(&code);
        (module, paths)
    });
    modules.collect()
}

/// The module that defines what a path names, through re-exports.
fn defining(house: &BTreeMap<Names, Paths>, path: &[String]) -> Option<Names> {
    let mut path = path.to_vec();
    for _ in 0..8 {
        let at = (1..=path.len()).rev().find(|n| house.contains_key(&path[..*n]))?;
        let (module, rest) = path.split_at(at);
        match rest.first().and_then(|name| house[module].exports.get(name)) {
            Some(export) if export[..] != path[..] => path = [export, &rest[1..]].concat(),
            _ => return Some(module.to_vec()),
        }
    }
    None
}

/// For every module those that it imports.
fn arrows(house: &BTreeMap<Names, Paths>) -> BTreeMap<Names, BTreeSet<Names>> {
    let of = |(module, paths): (&Names, &Paths)| {
        let targets = paths.found.iter().filter_map(|path| defining(house, path));
        (module.clone(), targets.filter(|target| target != module).collect())
    };
    house.iter().map(of).collect()
}

fn room(module: &[String]) -> &str {
    module.get(1).map_or("lib", String::as_str)
}

#[test]
fn arrows_point_down_only() {
    let floors = BTreeMap::from(FLOORS);
    let mut upwards = Vec::new();
    for (from, targets) in arrows(&house()) {
        for to in targets {
            let (a, b) = (room(&from), room(&to));
            let floor = |room| *floors.get(room).unwrap_or_else(|| panic!("{room} has no floor"));
            if a != b && floor(a) <= floor(b) && !BESIDE.contains(&(a, b)) {
                upwards.push(format!("{} -> {}", from.join("::"), to.join("::")));
            }
        }
    }
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut arrows = arrows(&house());
    // What imports nothing more is in no circle: it goes, and the arrows to it.
    loop {
        let free: Vec<_> =
            arrows.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
        if free.is_empty() {
            break;
        }
        for module in free {
            arrows.remove(&module);
            for to in arrows.values_mut() {
                to.remove(&module);
            }
        }
    }
    // And what nothing imports any more only leads to circles.
    loop {
        let reached: BTreeSet<_> = arrows.values().flatten().cloned().collect();
        let before = arrows.len();
        arrows.retain(|module, _| reached.contains(module));
        if arrows.len() == before {
            break;
        }
    }
    let left: Vec<_> = arrows
        .iter()
        .map(|(from, to)| {
            let to: Vec<_> = to.iter().map(|to| to.join("::")).collect();
            format!("{} -> {}", from.join("::"), to.join(", "))
        })
        .collect();
    assert!(left.is_empty(), "in circles:\n{}", left.join("\n"));
}
