use ams_api::RoundCounts;

/// The counts of a round in words. `None` for a failed round that did nothing.
pub(super) fn describe(counts: RoundCounts, succeeded: bool) -> Option<String> {
    let named = [
        (counts.imported, "imported"),
        (counts.pushed, "pushed"),
        (counts.updated, "updated"),
        (counts.removed, "removed"),
    ];
    let parts: Vec<_> = named
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if parts.is_empty() {
        succeeded.then(|| "nothing to do".to_owned())
    } else {
        Some(parts.join(", "))
    }
}
