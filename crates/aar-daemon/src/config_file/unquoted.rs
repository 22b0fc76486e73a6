//! Values that need quotes, such as `[::]:3000`, which YAML takes for a list with something behind it.

/// The explanation of a line whose value needs quotes.
pub(super) fn in_line(text: &str, number: u64) -> Option<String> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let (key, value) = text.lines().nth(index)?.split_once(": ")?;
    if key.contains(['{', '[']) {
        return None;
    }
    let value = value.split(" #").next().unwrap_or_default().trim();
    let close = match value.chars().next()? {
        '[' => ']',
        '{' => '}',
        _ => return None,
    };
    let (_, rest) = value.rsplit_once(close)?;
    let is_text = !rest.trim().is_empty() && !value.contains('"');
    is_text.then(|| {
        let first = &value[..1];
        format!("a value that begins with {first} needs quotes: \"{value}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_with_text_behind_a_list_needs_quotes() {
        let text = "http:\n  addr: [::]:3000 # all\n  hosts: [a, b]\n  name: x]\n  map: {a}b\n{flow: []}\n";
        let line = |number| in_line(text, number);
        let expected = "a value that begins with [ needs quotes: \"[::]:3000\"";
        assert_eq!(line(2).unwrap(), expected);
        assert!(line(5).unwrap().contains("\"{a}b\""));
        for number in [0, 1, 3, 4, 6, 7] {
            assert_eq!(line(number), None, "{number}");
        }
    }
}
