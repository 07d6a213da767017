//! Inside a crate, no part imports what imports it: each can be read, and changed, without the other.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a part of a crate imports of its other parts. A part is a file beside `lib.rs`, or a folder.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

/// The first names after each `crate::`; several where they stand in braces.
fn imported(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let name =
        |text: &str| text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let mut names = BTreeSet::new();
    for rest in code.join("\n").split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split('}').next().unwrap_or_default().split(',').map(name)),
            None => _ = names.insert(name(rest)),
        }
    }
    names
}

fn imports(source: &Path) -> Imports {
    let part = |file: &Path| {
        let first = file.strip_prefix(source).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let files: Vec<_> =
        sources(source).into_iter().map(|file| (part(&file), fs::read_to_string(file).unwrap())).collect();
    let parts: BTreeSet<&String> = files.iter().map(|(part, _)| part).collect();
    let mut imports = Imports::new();
    for (part, text) in &files {
        let others = imported(text).into_iter().filter(|other| parts.contains(other) && other != part);
        imports.entry(part.clone()).or_default().extend(others);
    }
    imports.retain(|part, _| part != "lib" && part != "main");
    imports
}

/// A way from a part back to itself.
fn circle(imports: &Imports) -> Option<Vec<&str>> {
    fn back<'a>(imports: &'a Imports, way: &mut Vec<&'a str>, seen: &mut BTreeSet<&'a str>) -> bool {
        for next in &imports[*way.last().unwrap()] {
            let is_closed = next == way[0];
            if is_closed || seen.insert(next) {
                way.push(next);
                if is_closed || back(imports, way, seen) {
                    return true;
                }
                way.pop();
            }
        }
        false
    }
    imports.keys().find_map(|part| {
        let mut way = vec![part.as_str()];
        back(imports, &mut way, &mut BTreeSet::new()).then_some(way)
    })
}

#[test]
fn a_circle_is_found_wherever_it_begins() {
    let with = |edges: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in edges {
            imports.entry((*to).to_owned()).or_default();
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        imports
    };
    assert_eq!(circle(&with(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])), None);
    assert_eq!(circle(&with(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")])).unwrap(), ["b", "c", "d", "b"]);
    let text = "use crate::{a, b::C};\nuse crate::d::E; // crate::f\nfn g() { crate::h::i() }";
    assert_eq!(imported(text).into_iter().collect::<Vec<_>>(), ["a", "b", "d", "h"]);
}

#[test]
fn no_part_of_a_crate_imports_what_imports_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates = 0;
    for folder in
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path().join("src")).filter(|source| source.is_dir())
    {
        crates += 1;
        let imports = imports(&folder);
        assert_eq!(circle(&imports), None, "{}", folder.display());
    }
    assert!(crates >= 9, "only {crates} crates were looked at");
}
