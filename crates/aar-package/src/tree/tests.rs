use super::*;
use crate::Limits;

fn file(size: u64) -> PackageEntry {
    PackageEntry::File(FileEntry {
        size,
        executable: false,
        content: ContentLocation::Offset(0),
    })
}

fn build(limits: &Limits, entries: Vec<(&str, PackageEntry)>) -> Result<Vec<String>, String> {
    let mut builder = TreeBuilder::new(limits, Some(10));
    let tree = entries
        .into_iter()
        .try_for_each(|(path, entry)| {
            let path = builder
                .parse_path(path.as_bytes())?
                .expect("the path is not the top");
            builder.add(path, entry).map(drop)
        })
        .and_then(|()| builder.finish());
    tree.map(|tree| tree.entries().map(|(path, _)| path.to_string()).collect())
        .map_err(|error| error.to_string())
}

fn link(target: &str) -> PackageEntry {
    PackageEntry::Symlink(target.to_owned())
}

#[test]
fn entries_are_ordered_by_bytes_with_folders_listed_or_implied() {
    let limits = Limits::default();
    let listed = vec![
        ("b/c", file(1)),
        ("b", PackageEntry::Folder),
        ("b.x", file(1)),
        ("a", file(1)),
    ];
    let implied = vec![("a", file(1)), ("b.x", file(1)), ("b/c", file(1))];
    let expected = Ok(vec!["a", "b", "b.x", "b/c"]
        .into_iter()
        .map(String::from)
        .collect());
    assert_eq!(build(&limits, listed), expected);
    assert_eq!(build(&limits, implied), expected);
}

#[test]
fn conflicting_entries_are_refused_by_name() {
    let limits = Limits::default();
    for (entries, refusal) in [
        (
            vec![("a", file(1)), ("./a", file(1))],
            r#""a": occurs twice; pack it again into a new archive"#,
        ),
        (
            vec![("a/b", file(1)), ("a", file(1))],
            r#""a": occurs twice; pack it again into a new archive"#,
        ),
        (
            vec![("a/B", file(1)), ("a/b", file(1))],
            r#""a/b": differs from "a/B" in upper and lower case only, so one of them needs another name"#,
        ),
        (
            vec![("Ä/x", file(1)), ("ä/y", file(1))],
            r#""ä": differs from "Ä" in upper and lower case only, so one of them needs another name"#,
        ),
        (
            vec![("STRASSE", file(1)), ("straße", file(1))],
            r#""straße": is the same name as "STRASSE" for Android, so one of them needs another name"#,
        ),
        (
            vec![("a", file(1)), ("a/b", file(1))],
            r#""a/b": is below "a", which is not a folder"#,
        ),
        (
            vec![
                ("l", link("d")),
                ("d", PackageEntry::Folder),
                ("l/x", file(1)),
            ],
            r#""l/x": is below "l", which is not a folder"#,
        ),
    ] {
        assert_eq!(build(&limits, entries), Err(refusal.to_owned()));
    }
}

#[test]
fn exceeded_limit_names_the_entry() {
    let limits = Limits {
        entries: 2,
        file_size: 10,
        total_size: 15,
        ..Limits::default()
    };
    for (entries, refusal) in [
        (
            vec![("a", file(1)), ("b/c", file(1))],
            r#"the package is refused at "b/c": more than 2 entries"#,
        ),
        (vec![("a", file(11))], r#""a": is larger than 10 bytes"#),
        (
            vec![("a", file(10)), ("b", file(10))],
            r#"the package is refused at "b": more than 15 bytes in all"#,
        ),
    ] {
        assert_eq!(build(&limits, entries), Err(refusal.to_owned()));
    }
}

#[test]
fn expansion_beyond_the_allowance_is_refused() {
    let limits = Limits::default();
    let half = Limits::EXPANSION_ALLOWANCE / 2;
    assert!(build(&limits, vec![("a", file(half)), ("b", file(half))]).is_ok());
    let refusal = build(&limits, vec![("a", file(half)), ("b", file(half + 1))]);
    let expected = r#"the package is refused at "b": more than 1000 times the size of the archive"#;
    assert_eq!(refusal, Err(expected.to_owned()));
}

#[test]
fn links_to_entries_of_the_package_are_accepted() {
    let limits = Limits::default();
    let library = || vec![("lib/a.so.1.2", file(1)), ("other", PackageEntry::Folder)];
    for (path, target) in [
        ("lib/a.so", "a.so.1.2"),
        ("lib/up", "../other"),
        ("lib/round", ".././lib//a.so.1.2"),
        ("top", "lib"),
    ] {
        let mut entries = library();
        entries.push((path, link(target)));
        assert!(build(&limits, entries).is_ok(), "{path} -> {target}");
    }
    let mut chain = library();
    chain.extend([
        ("lib/a.so", link("a.so.1")),
        ("lib/a.so.1", link("a.so.1.2")),
    ]);
    assert!(build(&limits, chain).is_ok());
}

#[test]
fn links_outside_through_links_or_broken_are_refused_by_name() {
    let limits = Limits::default();
    for (target, refusal) in [
        (
            "/etc/passwd",
            r#""d/l": links to "/etc/passwd", which is outside the package; pack a copy instead of the link"#,
        ),
        (
            "../../x",
            r#""d/l": links to "../../x", which is outside the package; pack a copy instead of the link"#,
        ),
        (
            "x",
            r#""d/l": links to "x", which is not in the package; pack the file, or leave out the link"#,
        ),
        (
            "f/../g",
            r#""d/l": links to "f/../g", which is not in the package; pack the file, or leave out the link"#,
        ),
        (
            "k/../../..",
            r#""d/l": links to "k/../../.." through another link; link to the file itself"#,
        ),
        (
            "l",
            r#""d/l": links to "l" through another link; link to the file itself"#,
        ),
    ] {
        let entries = vec![
            ("d/f", file(1)),
            ("d/g", file(1)),
            ("d/k", link("g")),
            ("d/l", link(target)),
        ];
        assert_eq!(build(&limits, entries), Err(refusal.to_owned()));
    }
}
