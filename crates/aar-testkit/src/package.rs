use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use bzip2::{Compression, write::BzEncoder};
use zip::write::SimpleFileOptions;

/// Builds a package: a manifest and files.
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    manifest: String,
    files: Vec<(String, FileContent)>,
}

#[derive(Debug, Clone)]
enum FileContent {
    Bytes(Vec<u8>),
    Noise { size: u64, seed: u64 },
    Copy(PathBuf),
}

impl Package {
    /// A small package with every required field of a manifest.
    pub fn new(name: &str) -> Self {
        let manifest = format!(
            "name: {name}\ninstance-type: a2.3\nboot-package: com.example.{}\n",
            java_identifier(name)
        );
        Self {
            name: name.to_owned(),
            manifest,
            files: Vec::new(),
        }
    }

    /// A package whose boot package is read from its APK.
    pub fn of_apk(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            manifest: format!("name: {name}\ninstance-type: a2.3\n"),
            files: Vec::new(),
        }
    }

    /// The name of the application.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds lines to the manifest.
    #[must_use]
    pub fn with(mut self, lines: &str) -> Self {
        self.manifest.push_str(lines);
        self.manifest.push('\n');
        self
    }

    #[must_use]
    pub fn tagged(self, tags: &str) -> Self {
        self.with(&format!("tags: [{tags}]"))
    }

    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files
            .push((path.to_owned(), FileContent::Bytes(content.into())));
        self
    }

    /// Adds a copy of a file, such as an APK.
    #[must_use]
    pub fn copy(mut self, path: &str, from: &Path) -> Self {
        self.files
            .push((path.to_owned(), FileContent::Copy(from.to_owned())));
        self
    }

    /// Adds extra data that does not compress. Each seed gives other data.
    #[must_use]
    pub fn noise(mut self, file: &str, size: u64, seed: u64) -> Self {
        let package = self
            .manifest
            .lines()
            .find_map(|l| l.strip_prefix("boot-package: "));
        let target = format!("/sdcard/Android/data/{}/", package.unwrap());
        if !self.manifest.contains("extra-data:") {
            self.manifest.push_str("extra-data:\n");
        }
        self = self.with(&format!("  {file}:\n    target: {target}"));
        let path = format!("extra-data/{file}");
        self.files.push((path, FileContent::Noise { size, seed }));
        self
    }

    /// Writes the package as a folder, which replaces an existing one.
    pub fn write_folder(&self, folder: &Path) -> PathBuf {
        if folder.exists() {
            fs_err::remove_dir_all(folder).unwrap();
        }
        self.each(|path, content| {
            let to = folder.join(path);
            fs_err::create_dir_all(to.parent().unwrap()).unwrap();
            let mut file = fs_err::File::create(to).unwrap();
            std::io::copy(content, &mut file).unwrap();
        });
        folder.to_owned()
    }

    pub fn write_zip(&self, path: &Path) -> PathBuf {
        let mut zip = zip::ZipWriter::new(fs_err::File::create(path).unwrap());
        self.each(|name, content| {
            let options = SimpleFileOptions::default().large_file(true);
            zip.start_file(name, options).unwrap();
            std::io::copy(content, &mut zip).unwrap();
        });
        zip.finish().unwrap();
        path.to_owned()
    }

    pub fn write_tar_bz2(&self, path: &Path) -> PathBuf {
        let file = fs_err::File::create(path).unwrap();
        let mut tar = tar::Builder::new(BzEncoder::new(file, Compression::fast()));
        self.each(|name, content| {
            let mut header = tar::Header::new_gnu();
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).unwrap();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes.as_slice())
                .unwrap();
        });
        tar.into_inner().unwrap().finish().unwrap().flush().unwrap();
        path.to_owned()
    }

    fn each(&self, mut write: impl FnMut(&str, &mut dyn Read)) {
        write("manifest.yaml", &mut self.manifest.as_bytes());
        for (path, content) in &self.files {
            match content {
                FileContent::Bytes(bytes) => write(path, &mut bytes.as_slice()),
                FileContent::Copy(from) => write(path, &mut fs_err::File::open(from).unwrap()),
                FileContent::Noise { size, seed } => {
                    write(path, &mut Noise::new(*seed).take(*size));
                }
            }
        }
    }
}

fn java_identifier(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    format!("x{}", letters.collect::<String>().to_lowercase())
}

const BLOCK: usize = 1 << 20;

/// Endless bytes that do not compress: a block of pseudo-random bytes, shifted by one in each pass. So
/// they are generated at the speed of copying.
pub(crate) struct Noise {
    block: Vec<u8>,
    position: usize,
    pass: usize,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut block = Vec::with_capacity(BLOCK + 8);
        while block.len() < BLOCK {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes());
        }
        Self {
            block,
            position: 0,
            pass: 1,
        }
    }
}

impl Noise {
    /// Leaves out the next bytes without generating them.
    pub(crate) fn skip(mut self, mut count: u64) -> Self {
        loop {
            let left = (self.block.len() - self.position) as u64;
            if count < left {
                self.position += usize::try_from(count).unwrap();
                return self;
            }
            count -= left;
            self.position = self.pass % self.block.len();
            self.pass += 1;
        }
    }
}

impl Read for Noise {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.position == self.block.len() {
            self.position = self.pass % self.block.len();
            self.pass += 1;
        }
        let n = to.len().min(self.block.len() - self.position);
        to[..n].copy_from_slice(&self.block[self.position..self.position + n]);
        self.position += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_does_not_compress_and_depends_on_the_seed() {
        let folder = crate::Folder::new("noise");
        let size = 3 << 20;
        let read = |seed| {
            let mut bytes = Vec::new();
            Noise::new(seed).take(size).read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(read(1), read(1));
        assert_ne!(read(1), read(2));
        let package = Package::new("a").noise("b", size, 1);
        let zip = package.write_zip(&folder.join("a.zip"));
        assert!(zip.metadata().unwrap().len() > size);
    }

    #[test]
    fn package_of_every_format_contains_manifest_and_files() {
        let folder = crate::Folder::new("package");
        let package = Package::new("a").file("hooks/install.sh", "true");
        let written = package.write_folder(&folder.join("a"));
        assert_eq!(
            fs_err::read(written.join("hooks/install.sh")).unwrap(),
            b"true"
        );
        let zip = fs_err::File::open(package.write_zip(&folder.join("a.zip"))).unwrap();
        let zip = zip::ZipArchive::new(zip).unwrap();
        assert_eq!(zip.len(), 2);
        let tar = fs_err::File::open(package.write_tar_bz2(&folder.join("a.tar.bz2"))).unwrap();
        let mut tar = tar::Archive::new(bzip2::read::BzDecoder::new(tar));
        assert_eq!(tar.entries().unwrap().count(), 2);
    }
}
