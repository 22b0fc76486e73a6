//! Which file defines a name that another file uses.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ModulePath,
    source::{SourceFile, WrittenPath},
};

type Modules = BTreeMap<ModulePath, SourceFile>;

/// For each file the files that it uses, with the names.
pub(super) type Arrows = BTreeMap<ModulePath, BTreeMap<ModulePath, BTreeSet<String>>>;

/// A chain of re-exports is not longer; a circle of them ends there.
const REEXPORTS_MAX: usize = 16;

pub(super) fn arrows(modules: &Modules) -> Arrows {
    modules
        .iter()
        .map(|(module, source)| (module.clone(), uses(modules, module, source)))
        .collect()
}

fn uses(
    modules: &Modules,
    module: &ModulePath,
    source: &SourceFile,
) -> BTreeMap<ModulePath, BTreeSet<String>> {
    let imports = source.imports.iter().map(|import| &import.path);
    let paths = source.paths.iter().filter(|path| path.len() > 1);
    let mut used: BTreeMap<ModulePath, BTreeSet<String>> = BTreeMap::new();
    for path in imports.chain(paths) {
        let Some(target) = resolve(modules, module, path, REEXPORTS_MAX) else {
            continue;
        };
        // Importing a module uses nothing of it yet.
        let uses_nothing = target.is_module && !is_glob(source, path);
        if target.module != *module && !uses_nothing {
            let name = path.last().cloned().unwrap_or_default();
            used.entry(target.module).or_default().insert(name);
        }
    }
    used
}

fn is_glob(source: &SourceFile, path: &WrittenPath) -> bool {
    let mut imports = source.imports.iter();
    imports.any(|import| import.name == "*" && import.path == *path)
}

struct Target {
    module: ModulePath,
    /// The path names the module itself, not an item of it.
    is_module: bool,
}

/// The file that defines the path as `module` writes it; `None` when it belongs to another crate.
fn resolve(
    modules: &Modules,
    module: &ModulePath,
    path: &[String],
    reexports_left: usize,
) -> Option<Target> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => descend(modules, Vec::new(), rest, reexports_left),
        "self" => descend(modules, module.clone(), rest, reexports_left),
        "super" => {
            let mut parent = module.clone();
            parent.pop()?;
            let up = rest
                .iter()
                .take_while(|segment| *segment == "super")
                .count();
            for _ in 0..up {
                parent.pop()?;
            }
            descend(modules, parent, &rest[up..], reexports_left)
        }
        _ => child_or_import(modules, module, first, rest, reexports_left),
    }
}

fn descend(
    modules: &Modules,
    module: ModulePath,
    path: &[String],
    reexports_left: usize,
) -> Option<Target> {
    let Some((first, rest)) = path.split_first() else {
        return Some(Target {
            module,
            is_module: true,
        });
    };
    let inner = child_or_import(modules, &module, first, rest, reexports_left);
    inner.or(Some(Target {
        module,
        is_module: false,
    }))
}

fn child_or_import(
    modules: &Modules,
    module: &ModulePath,
    first: &String,
    rest: &[String],
    reexports_left: usize,
) -> Option<Target> {
    let child: ModulePath = module.iter().chain([first]).cloned().collect();
    if modules.contains_key(&child) {
        return descend(modules, child, rest, reexports_left);
    }
    let reexports_left = reexports_left.checked_sub(1)?;
    let source = modules.get(module)?;
    let mut imports = source.imports.iter();
    if let Some(import) = imports.find(|import| import.name == *first) {
        let path: WrittenPath = import.path.iter().chain(rest).cloned().collect();
        return resolve(modules, module, &path, reexports_left);
    }
    None
}
