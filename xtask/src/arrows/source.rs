//! The paths that a source file names.

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemMod, Macro, UseTree,
    visit::{self, Visit},
};

/// A path as it is written, such as `["super", "hash", "Digest"]`.
pub(super) type WrittenPath = Vec<String>;

#[derive(Default)]
pub(super) struct SourceFile {
    pub(super) imports: Vec<Import>,
    /// Paths of at least two segments in types, expressions, patterns and macros.
    pub(super) paths: Vec<WrittenPath>,
    /// Depth of inline modules around the node that is visited: `super` counts from there.
    depth: usize,
}

pub(super) struct Import {
    /// The name that the file gives it; `*` for a glob.
    pub(super) name: String,
    pub(super) path: WrittenPath,
}

impl SourceFile {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut source = Self::default();
        source.visit_file(&syn::parse_file(text)?);
        Ok(source)
    }

    fn add_path(&mut self, path: WrittenPath) {
        if let Some(path) = without_inline_modules(path, self.depth) {
            self.paths.push(path);
        }
    }

    fn add_imports(&mut self, tree: &UseTree, prefix: &WrittenPath) {
        let extended = |name: String| prefix.iter().cloned().chain([name]).collect();
        let (name, path): (String, WrittenPath) = match tree {
            UseTree::Path(path) => {
                return self.add_imports(&path.tree, &extended(path.ident.to_string()));
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|item| self.add_imports(item, prefix));
            }
            UseTree::Glob(_) => ("*".to_owned(), prefix.clone()),
            UseTree::Name(name) if name.ident == "self" => {
                (prefix.last().cloned().unwrap_or_default(), prefix.clone())
            }
            UseTree::Name(name) => (name.ident.to_string(), extended(name.ident.to_string())),
            UseTree::Rename(name) if name.ident == "self" => {
                (name.rename.to_string(), prefix.clone())
            }
            UseTree::Rename(name) => (name.rename.to_string(), extended(name.ident.to_string())),
        };
        if let Some(path) = without_inline_modules(path, self.depth) {
            self.imports.push(Import { name, path });
        }
    }

    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = WrittenPath::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.add_path(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    self.add_path(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_path(path);
    }
}

impl Visit<'_> for SourceFile {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.add_imports(&item.tree, &WrittenPath::new());
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments = path.segments.iter();
        self.add_path(segments.map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &Macro) {
        self.visit_path(&invoked.path);
        self.add_tokens(invoked.tokens.clone());
    }
}

/// The path as the file's own module would write it; `None` when it stays inside the file.
fn without_inline_modules(path: WrittenPath, depth: usize) -> Option<WrittenPath> {
    let up = path
        .iter()
        .take_while(|segment| *segment == "super")
        .count();
    match path.first().map(String::as_str) {
        None => None,
        Some("super") if up < depth => None,
        Some("super") => {
            let written = path.into_iter().skip(depth);
            let mut path: WrittenPath = written.collect();
            if up == depth {
                path.insert(0, "self".to_owned());
            }
            Some(path)
        }
        Some("crate") => Some(path),
        Some(_) if depth > 0 => None,
        Some(_) => Some(path),
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}
