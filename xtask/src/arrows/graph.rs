//! Circles in the graph of files.

use std::collections::BTreeSet;

use super::{ModulePath, names::Arrows};

/// The modules of each folder that lead to each other, each with everything below it.
///
/// A folder's own file is no module beside the others: what it defines is for the whole folder.
pub(super) fn circles_between_siblings(arrows: &Arrows) -> Vec<Vec<ModulePath>> {
    let folders: BTreeSet<&[String]> = arrows
        .keys()
        .filter_map(|module| module.split_last().map(|(_, folder)| folder))
        .collect();
    let inside = folders.into_iter();
    inside
        .flat_map(|folder| circles(&between_siblings(arrows, folder)))
        .collect()
}

/// The arrows between the direct children of the folder.
fn between_siblings(arrows: &Arrows, folder: &[String]) -> Arrows {
    let child_of = |module: &ModulePath| {
        let below = module.len() > folder.len() && module.starts_with(folder);
        below.then(|| module[..=folder.len()].to_vec())
    };
    let mut siblings = Arrows::new();
    for (from, used) in arrows {
        let Some(from) = child_of(from) else { continue };
        for (to, names) in used {
            let to = child_of(to).filter(|to| *to != from);
            if let Some(to) = to {
                let known = siblings.entry(from.clone()).or_default();
                known.entry(to).or_default().extend(names.iter().cloned());
            }
        }
    }
    siblings
}

/// The largest sets of modules in which each leads to every other.
fn circles(arrows: &Arrows) -> Vec<Vec<ModulePath>> {
    let mut placed = BTreeSet::new();
    let mut circles = Vec::new();
    for module in arrows.keys() {
        if placed.contains(module) {
            continue;
        }
        let circle: Vec<ModulePath> = reachable(arrows, module)
            .into_iter()
            .filter(|other| reachable(arrows, other).contains(module))
            .collect();
        placed.extend(circle.iter().cloned());
        if !circle.is_empty() {
            circles.push(circle);
        }
    }
    circles
}

/// The files that `start` leads to, itself only by a circle.
fn reachable(arrows: &Arrows, start: &ModulePath) -> BTreeSet<ModulePath> {
    let mut found = BTreeSet::new();
    let mut left = vec![start];
    while let Some(module) = left.pop() {
        for next in arrows.get(module).into_iter().flat_map(|used| used.keys()) {
            if found.insert(next.clone()) {
                left.push(next);
            }
        }
    }
    found
}
