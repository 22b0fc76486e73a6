//! Long lists of names, shortened for people.

/// JSON and YAML output is not shortened.
const LIMIT: usize = 20;

/// The first names, one a line, and a line that counts the rest.
pub(crate) fn shortened(names: &[String]) -> impl Iterator<Item = String> {
    let rest = names.len().saturating_sub(LIMIT);
    let rest = (rest > 0).then(|| format!("and {rest} more"));
    names.iter().take(LIMIT).cloned().chain(rest)
}
