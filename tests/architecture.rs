//! The imports of `src`: no two files import each other, and no module imports what its parent defines.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type ModulePath = Vec<String>;

fn segments(path: &str) -> ModulePath {
    path.split("::").map(str::to_owned).collect()
}

/// The file of each module of the library, by its path: `cluster::http::retry` is `["cluster", "http", "retry"]`.
fn modules() -> BTreeMap<ModulePath, PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut modules) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&root).unwrap().with_extension("");
            let mut module: ModulePath = relative.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            match module.last().unwrap().as_str() {
                "main" | "tests" => continue,
                "mod" | "lib" => drop(module.pop()),
                _ => {}
            }
            modules.insert(module, path);
        }
    }
    modules.retain(|module, _| !module.iter().any(|name| name == "tests"));
    assert!(modules.len() > 100, "{} modules", modules.len());
    modules
}

/// Each path of the `use` declarations that a file has outside of its tests: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn used_paths(text: &str) -> Vec<ModulePath> {
    let code = text.split("\nmod tests {").next().unwrap();
    let mut paths = Vec::new();
    for line in code.split("\n").enumerate().filter_map(|(number, line)| {
        let declaration = line.trim_start().trim_start_matches("pub ").trim_start();
        let declaration = match declaration.strip_prefix("pub(") {
            Some(rest) => rest.split_once(") ").map_or("", |(_, rest)| rest),
            None => declaration,
        };
        declaration.starts_with("use ").then_some(number)
    }) {
        let declaration: String = code.lines().skip(line).collect::<Vec<_>>().join(" ");
        let tree = declaration.split_once("use ").unwrap().1.split(';').next().unwrap();
        expand("", tree.trim(), &mut paths);
    }
    paths
}

fn expand(prefix: &str, tree: &str, paths: &mut Vec<ModulePath>) {
    let Some((before, inside)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap().trim();
        if !name.is_empty() {
            paths.push(segments(format!("{prefix}{name}").trim_end_matches("::self")));
        }
        return;
    };
    let inside = inside.trim_end().strip_suffix('}').unwrap();
    let (mut depth, mut start) = (0, 0);
    for (position, character) in inside.char_indices().chain([(inside.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(
                    &format!("{prefix}{}", before.trim()),
                    inside[start..position].trim(),
                    paths,
                );
                start = position + 1;
            }
            _ => {}
        }
    }
}

/// From each module to the modules whose items it imports.
fn imports() -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let modules = modules();
    let mut imports = BTreeMap::new();
    for (module, file) in &modules {
        let targets: &mut BTreeSet<ModulePath> = imports.entry(module.clone()).or_default();
        for path in used_paths(&fs::read_to_string(file).unwrap()) {
            let mut absolute = match path[0].as_str() {
                "crate" => Vec::new(),
                "self" | "super" => module.clone(),
                name if modules.contains_key(&[module.as_slice(), &[name.to_owned()]].concat()) => module.clone(),
                _ => continue,
            };
            for name in &path {
                match name.as_str() {
                    "crate" | "self" => {}
                    "super" => drop(absolute.pop()),
                    _ => absolute.push(name.clone()),
                }
            }
            let target = (0..=absolute.len()).rev().map(|length| &absolute[..length]);
            let target = target
                .into_iter()
                .find(|path| modules.contains_key(*path))
                .unwrap()
                .to_vec();
            if target != *module {
                targets.insert(target);
            }
        }
    }
    imports
}

fn shown(module: &[String]) -> String {
    format!("crate::{}", module.join("::"))
}

#[test]
fn no_two_files_import_each_other() {
    let imports = imports();
    let mut pairs = Vec::new();
    for (module, targets) in &imports {
        // A parent declares and re-exports what its children define.
        let is_parent = |target: &ModulePath| target.starts_with(module) || module.starts_with(target);
        let mutual = targets.iter().filter(|target| *target > module && !is_parent(target));
        let mutual = mutual.filter(|target| imports[*target].contains(module));
        pairs.extend(mutual.map(|target| format!("{} and {}", shown(module), shown(target))));
    }
    assert!(pairs.is_empty(), "these import each other:\n{}", pairs.join("\n"));
}

#[test]
fn no_module_imports_what_a_module_above_it_defines() {
    let mut upward = Vec::new();
    for (module, targets) in &imports() {
        let above = targets
            .iter()
            .filter(|target| !target.is_empty() && module.starts_with(target));
        upward.extend(above.map(|target| format!("{} imports from {}", shown(module), shown(target))));
    }
    assert!(
        upward.is_empty(),
        "{} imports point up:\n{}",
        upward.len(),
        upward.join("\n")
    );
}
