//! What a package holds: files, folders and links, checked against each other.
//!
//! Every reader hands its entries to an [`Intake`] before it reads their content. What comes out is
//! the same for the same content, whatever the order in which the entries came and whether the
//! archive names folders or leaves them implied.

use std::collections::{BTreeMap, HashMap};

use crate::{Error, Limits, Problem, disk::DiskFile, path::EntryPath};

/// The entries of a package, by path.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<EntryPath, Node>);

/// An entry.
#[derive(Debug)]
pub(crate) enum Node {
    Folder,
    /// A symbolic link, with its target as it is written.
    Symlink(String),
    File(FileNode),
}

/// A regular file.
#[derive(Debug)]
pub(crate) struct FileNode {
    pub(crate) size: u64,
    pub(crate) executable: bool,
    pub(crate) content: Content,
}

/// Where the content of a file is to be read.
#[derive(Debug)]
pub(crate) enum Content {
    /// A file of the folder that is packed.
    Disk(DiskFile),
    /// At this offset of the one file that holds all content: the tar file, or what it was unpacked to.
    Held(u64),
    /// The entry of the zip file with this index.
    Zipped(usize),
}

impl Tree {
    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        self.0.get(path)
    }

    pub(crate) fn get_entry(&self, path: &str) -> Option<(&EntryPath, &Node)> {
        self.0.get_key_value(path)
    }

    /// All entries, sorted by the bytes of their path.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&EntryPath, &Node)> {
        self.0.iter()
    }

    /// The size of all files.
    pub(crate) fn content_size(&self) -> u64 {
        let size = |node: &Node| match node {
            Node::File(file) => file.size,
            Node::Folder | Node::Symlink(_) => 0,
        };
        self.0.values().map(size).sum()
    }

    /// Tells from elsewhere where the content of a file is.
    pub(crate) fn relocate(&mut self, path: &str, to: Content) {
        if let Some(Node::File(file)) = self.0.get_mut(path) {
            file.content = to;
        }
    }

    fn check_links(&self) -> Result<(), Error> {
        for (path, node) in &self.0 {
            if let Node::Symlink(target) = node {
                self.follow(path.as_str(), target, MAX_HOPS)
                    .map_err(|problem| Error::entry(path, problem))?;
            }
        }
        Ok(())
    }

    /// Goes where a link goes: by way of real folders of the package to something that is there.
    fn follow(&self, link: &str, target: &str, hops: u32) -> Result<(), Problem> {
        let mut at = link
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned();
        if target.starts_with('/') {
            return Err(Problem::LinkOut(target.to_owned()));
        }
        let parts: Vec<_> = target
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        for (index, part) in parts.iter().enumerate() {
            if *part == ".." {
                at = parent_of(&at).ok_or_else(|| Problem::LinkOut(target.to_owned()))?;
                continue;
            }
            at = join(&at, part);
            let last = index + 1 == parts.len();
            match self.get(&at) {
                Some(Node::Folder) => {}
                Some(Node::File(_)) if last => {}
                Some(Node::Symlink(next)) if last && hops > 0 => {
                    self.follow(&at, next, hops - 1)?;
                }
                Some(Node::Symlink(_)) => return Err(Problem::LinkThroughLink(target.to_owned())),
                Some(Node::File(_)) | None => {
                    return Err(Problem::LinkToNothing(target.to_owned()));
                }
            }
        }
        Ok(())
    }
}

/// How many links may lead to each other, as those of shared libraries do.
const MAX_HOPS: u32 = 8;

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

fn parent_of(path: &str) -> Option<String> {
    if path.is_empty() {
        return None;
    }
    Some(
        path.rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned(),
    )
}

/// Checks an entry that stands for the top of the package itself.
pub(crate) fn check_top(is_folder: bool) -> Result<(), Error> {
    if is_folder {
        return Ok(());
    }
    Err(Error::Entry {
        entry: ".".to_owned(),
        problem: Problem::MustBe("folder"),
    })
}

/// Takes the entries of a package one after the other and refuses those that are not allowed.
#[derive(Debug)]
pub(crate) struct Intake<'l> {
    limits: &'l Limits,
    /// The size of the archive; a folder has none and cannot expand.
    archive_size: Option<u64>,
    tree: Tree,
    folded: HashMap<String, EntryPath>,
    total: u64,
}

impl<'l> Intake<'l> {
    pub(crate) fn new(limits: &'l Limits, archive_size: Option<u64>) -> Self {
        Self {
            limits,
            archive_size,
            tree: Tree::default(),
            folded: HashMap::new(),
            total: 0,
        }
    }

    pub(crate) fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Reads the path of an entry; the top of the package has none.
    pub(crate) fn path(&self, raw: &[u8]) -> Result<Option<EntryPath>, Error> {
        EntryPath::parse(raw, self.limits).map_err(|problem| Error::Entry {
            entry: String::from_utf8_lossy(raw).chars().take(200).collect(),
            problem: problem.into(),
        })
    }

    /// Reads the target of a symbolic link.
    pub(crate) fn target(&self, path: &EntryPath, raw: &[u8]) -> Result<String, Error> {
        let text = std::str::from_utf8(raw).ok().filter(|text| {
            text.len() <= self.limits.path_length && !text.contains(char::is_control)
        });
        text.filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| {
                let shown = String::from_utf8_lossy(raw).chars().take(200).collect();
                Error::entry(path, Problem::LinkToNothing(shown))
            })
    }

    /// Takes an entry. To be called before its content is read, which may be as long as `node`
    /// says and no longer.
    pub(crate) fn add(&mut self, path: EntryPath, node: Node) -> Result<(), Error> {
        if let Node::File(file) = &node {
            self.check_size(&path, file.size)?;
        }
        for folder in path.ancestors() {
            self.add_folder_above(&path, folder)?;
        }
        match (self.tree.0.get(&path), &node) {
            (None, _) => self.insert(path, node),
            (Some(Node::Folder), Node::Folder) => Ok(()),
            (Some(_), _) => Err(Error::entry(&path, Problem::Duplicate)),
        }
    }

    /// The checked tree.
    pub(crate) fn finish(self) -> Result<Tree, Error> {
        self.tree.check_links()?;
        Ok(self.tree)
    }

    fn add_folder_above(&mut self, path: &EntryPath, folder: EntryPath) -> Result<(), Error> {
        match self.tree.0.get(&folder) {
            None => self.insert(folder, Node::Folder),
            Some(Node::Folder) => Ok(()),
            Some(_) => {
                let problem = Problem::BelowNonFolder(folder.to_string());
                Err(Error::entry(path, problem))
            }
        }
    }

    fn insert(&mut self, path: EntryPath, node: Node) -> Result<(), Error> {
        if self.tree.0.len() >= self.limits.entries {
            return Err(Error::limit(
                &path,
                format!("{} entries", self.limits.entries),
            ));
        }
        if let Some(other) = self.folded.insert(path.folded(), path.clone()) {
            return Err(Error::entry(
                &path,
                Problem::CaseCollision(other.to_string()),
            ));
        }
        self.tree.0.insert(path, node);
        Ok(())
    }

    fn check_size(&mut self, path: &EntryPath, size: u64) -> Result<(), Error> {
        if size > self.limits.file_size {
            return Err(Error::entry(path, Problem::TooLarge(self.limits.file_size)));
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.limits.total_size {
            let limit = format!("{} bytes in all", self.limits.total_size);
            return Err(Error::limit(path, limit));
        }
        let most = self.archive_size.map_or(u64::MAX, |archive| {
            archive
                .saturating_mul(self.limits.expansion)
                .max(Limits::EXPANSION_ALLOWANCE)
        });
        if self.total > most {
            let limit = format!("{} times the size of the archive", self.limits.expansion);
            return Err(Error::limit(path, limit));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Node {
        Node::File(FileNode {
            size,
            executable: false,
            content: Content::Held(0),
        })
    }

    fn build(limits: &Limits, nodes: Vec<(&str, Node)>) -> Result<Vec<String>, String> {
        let mut intake = Intake::new(limits, Some(10));
        let tree = nodes
            .into_iter()
            .try_for_each(|(path, node)| {
                let path = intake.path(path.as_bytes())?.expect("not the top");
                intake.add(path, node)
            })
            .and_then(|()| intake.finish());
        tree.map(|tree| tree.entries().map(|(path, _)| path.to_string()).collect())
            .map_err(|error| error.to_string())
    }

    fn link(target: &str) -> Node {
        Node::Symlink(target.to_owned())
    }

    #[test]
    fn entries_are_sorted_by_bytes_and_have_their_folders_named_or_not() {
        let limits = Limits::default();
        let named = vec![
            ("b/c", file(1)),
            ("b", Node::Folder),
            ("b.x", file(1)),
            ("a", file(1)),
        ];
        let implied = vec![("a", file(1)), ("b.x", file(1)), ("b/c", file(1))];
        let expected = Ok(vec!["a", "b", "b.x", "b/c"]
            .into_iter()
            .map(String::from)
            .collect());
        assert_eq!(build(&limits, named), expected);
        assert_eq!(build(&limits, implied), expected);
    }

    #[test]
    fn entries_that_do_not_go_together_are_refused_by_name() {
        let limits = Limits::default();
        for (nodes, complaint) in [
            (
                vec![("a", file(1)), ("./a", file(1))],
                r#""a": is there twice"#,
            ),
            (
                vec![("a/b", file(1)), ("a", file(1))],
                r#""a": is there twice"#,
            ),
            (
                vec![("a/B", file(1)), ("a/b", file(1))],
                r#""a/b": differs from "a/B" in upper and lower case only"#,
            ),
            (
                vec![("Ä/x", file(1)), ("ä/y", file(1))],
                r#""ä": differs from "Ä" in upper and lower case only"#,
            ),
            (
                vec![("a", file(1)), ("a/b", file(1))],
                r#""a/b": lies below "a", which is not a folder"#,
            ),
            (
                vec![("l", link("d")), ("d", Node::Folder), ("l/x", file(1))],
                r#""l/x": lies below "l", which is not a folder"#,
            ),
        ] {
            assert_eq!(build(&limits, nodes), Err(complaint.to_owned()));
        }
    }

    #[test]
    fn limits_name_the_entry_at_which_they_were_passed() {
        let limits = Limits {
            entries: 2,
            file_size: 10,
            total_size: 15,
            ..Limits::default()
        };
        for (nodes, complaint) in [
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
            assert_eq!(build(&limits, nodes), Err(complaint.to_owned()));
        }
    }

    #[test]
    fn content_much_larger_than_its_archive_is_refused_beyond_the_allowance() {
        let limits = Limits::default();
        let half = Limits::EXPANSION_ALLOWANCE / 2;
        assert!(build(&limits, vec![("a", file(half)), ("b", file(half))]).is_ok());
        let complaint = build(&limits, vec![("a", file(half)), ("b", file(half + 1))]);
        let expected =
            r#"the package is refused at "b": more than 1000 times the size of the archive"#;
        assert_eq!(complaint, Err(expected.to_owned()));
    }

    #[test]
    fn links_stay_in_the_package_and_lead_to_something() {
        let limits = Limits::default();
        let library = || vec![("lib/a.so.1.2", file(1)), ("other", Node::Folder)];
        for (path, target) in [
            ("lib/a.so", "a.so.1.2"),
            ("lib/up", "../other"),
            ("lib/round", ".././lib//a.so.1.2"),
            ("top", "lib"),
        ] {
            let mut nodes = library();
            nodes.push((path, link(target)));
            assert!(build(&limits, nodes).is_ok(), "{path} -> {target}");
        }
        let mut chain = library();
        chain.extend([
            ("lib/a.so", link("a.so.1")),
            ("lib/a.so.1", link("a.so.1.2")),
        ]);
        assert!(build(&limits, chain).is_ok());
    }

    #[test]
    fn links_out_or_through_links_or_to_nothing_are_refused_by_name() {
        let limits = Limits::default();
        for (target, complaint) in [
            (
                "/etc/passwd",
                r#""d/l": links to "/etc/passwd", which is outside of the package"#,
            ),
            (
                "../../x",
                r#""d/l": links to "../../x", which is outside of the package"#,
            ),
            ("x", r#""d/l": links to "x", which is not in the package"#),
            (
                "f/../g",
                r#""d/l": links to "f/../g", which is not in the package"#,
            ),
            (
                "k/../../..",
                r#""d/l": links to "k/../../.." by way of another link"#,
            ),
            ("l", r#""d/l": links to "l" by way of another link"#),
        ] {
            let nodes = vec![
                ("d/f", file(1)),
                ("d/g", file(1)),
                ("d/k", link("g")),
                ("d/l", link(target)),
            ];
            assert_eq!(build(&limits, nodes), Err(complaint.to_owned()));
        }
    }
}
