//! How many names people are told one by one.

/// Programs, which ask for JSON, get them all.
const MOST: usize = 20;

/// A line for each of the first names, and one that counts the others.
pub(crate) fn lines(names: &[String]) -> impl Iterator<Item = String> {
    let more = names.len().saturating_sub(MOST);
    let rest = (more > 0).then(|| format!("and {more} more"));
    names.iter().take(MOST).cloned().chain(rest)
}
