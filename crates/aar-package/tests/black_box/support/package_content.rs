use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use zip::{ZipWriter, write::SimpleFileOptions};

use super::{TarBuilder, bzip2};

/// The content of a package, independent of the format.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackageContent(pub(crate) Vec<(String, PackageItem)>);

#[derive(Debug, Clone)]
pub(crate) enum PackageItem {
    Folder,
    File { content: Vec<u8>, executable: bool },
    Link(String),
}

impl PackageContent {
    pub(crate) fn new(manifest: &str) -> Self {
        Self::default().file("manifest.yaml", manifest.as_bytes())
    }

    pub(crate) fn file(self, path: &str, content: &[u8]) -> Self {
        self.item(
            path,
            PackageItem::File {
                content: content.to_owned(),
                executable: false,
            },
        )
    }

    pub(crate) fn program(self, path: &str, content: &[u8]) -> Self {
        self.item(
            path,
            PackageItem::File {
                content: content.to_owned(),
                executable: true,
            },
        )
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        self.item(path, PackageItem::Folder)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.item(path, PackageItem::Link(target.to_owned()))
    }

    fn item(mut self, path: &str, item: PackageItem) -> Self {
        self.0.push((path.to_owned(), item));
        self
    }

    /// Writes the content as a folder. `variant` varies attributes that do not affect the image.
    pub(crate) fn to_folder(&self, root: &Path, variant: u8) {
        fs::create_dir_all(root).unwrap();
        for (path, item) in &self.0 {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match item {
                PackageItem::Folder => fs::create_dir_all(&path).unwrap(),
                PackageItem::Link(target) => symlink(target, &path).unwrap(),
                PackageItem::File {
                    content,
                    executable,
                } => {
                    fs::write(&path, content).unwrap();
                    let mode = fs::Permissions::from_mode(mode(*executable, variant));
                    fs::set_permissions(&path, mode).unwrap();
                }
            }
        }
    }

    pub(crate) fn to_zip(&self, variant: u8) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let method = [
            zip::CompressionMethod::Deflated,
            zip::CompressionMethod::Stored,
        ];
        let options = SimpleFileOptions::default()
            .compression_method(method[usize::from(variant % 2)])
            .last_modified_time(
                zip::DateTime::from_date_and_time(2000, 1, 1 + variant % 28, 0, 0, 0).unwrap(),
            );
        for (path, item) in &self.0 {
            match item {
                PackageItem::Folder => zip.add_directory(path.as_str(), options).unwrap(),
                PackageItem::Link(target) => {
                    zip.add_symlink(path.as_str(), target.as_str(), options)
                        .unwrap();
                }
                PackageItem::File {
                    content,
                    executable,
                } => {
                    let options = options.unix_permissions(mode(*executable, variant));
                    zip.start_file(path.as_str(), options).unwrap();
                    zip.write_all(content).unwrap();
                }
            }
        }
        zip.finish().unwrap().into_inner()
    }

    pub(crate) fn to_tar(&self, variant: u8) -> Vec<u8> {
        let mut tar = TarBuilder::new(variant);
        for (path, item) in &self.0 {
            tar = match item {
                PackageItem::Folder => tar.entry(path.as_bytes(), b'5', &[]),
                PackageItem::Link(target) => tar.link(path.as_bytes(), b'2', target.as_bytes()),
                PackageItem::File {
                    content,
                    executable,
                } => tar.file(path.as_bytes(), mode(*executable, variant), content),
            };
        }
        tar.finish()
    }

    pub(crate) fn to_tar_bz2(&self, variant: u8) -> Vec<u8> {
        bzip2(&self.to_tar(variant))
    }
}

/// Different permissions with the same executable bit.
fn mode(executable: bool, variant: u8) -> u32 {
    let plain = [0o644, 0o600, 0o664, 0o444][usize::from(variant % 4)];
    if executable { plain | 0o100 } else { plain }
}
