use std::io::Write as _;

/// Builds tar files block by block, without checks.
pub(crate) struct TarBuilder {
    bytes: Vec<u8>,
    variant: u8,
}

impl TarBuilder {
    /// `variant` varies owners and times.
    pub(crate) fn new(variant: u8) -> Self {
        let bytes = Vec::new();
        Self { bytes, variant }
    }

    pub(crate) fn with_manifest() -> Self {
        Self::new(0).file(b"manifest.yaml", 0o644, super::MANIFEST.as_bytes())
    }

    pub(crate) fn file(self, path: &[u8], mode: u32, content: &[u8]) -> Self {
        self.raw(path, b'0', mode, content.len() as u64, b"", content)
    }

    pub(crate) fn entry(self, path: &[u8], kind: u8, content: &[u8]) -> Self {
        self.raw(path, kind, 0o755, content.len() as u64, b"", content)
    }

    pub(crate) fn link(self, path: &[u8], kind: u8, target: &[u8]) -> Self {
        self.raw(path, kind, 0o777, 0, target, b"")
    }

    /// An entry with any header, also one that does not match the content.
    pub(crate) fn raw(
        mut self,
        path: &[u8],
        kind: u8,
        mode: u32,
        size: u64,
        target: &[u8],
        content: &[u8],
    ) -> Self {
        if path.len() > 100 {
            let name = [path, b"\0"].concat();
            self = self.raw(b"././@LongLink", b'L', 0, name.len() as u64, b"", &name);
        }
        let mut header = tar::Header::new_gnu();
        let name = &path[..path.len().min(100)];
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(u64::from(self.variant) * 1000);
        header.set_gid(u64::from(self.variant) * 100);
        header.set_mtime(u64::from(self.variant) * 1_000_000);
        header
            .set_username(["", "user"][usize::from(self.variant % 2)])
            .unwrap();
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// The bytes without the end marker.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}

pub(crate) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
