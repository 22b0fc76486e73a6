/// How much of a package is read before it is refused.
///
/// The limits prevent that a small file fills a disk, or that any file takes much memory. The
/// defaults allow everything that Android can install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The number of files, folders and links.
    pub entries: usize,
    /// The size of one file, in bytes.
    pub file_size: u64,
    /// The size of all files, in bytes.
    pub total_size: u64,
    /// The length of a path, in bytes.
    pub path_length: usize,
    /// The length of all paths and targets of links, in bytes. They are held in memory.
    pub paths_size: usize,
    /// The number of folders in a path.
    pub depth: usize,
    /// The ratio of the content size to the archive size. It applies beyond
    /// [`Limits::EXPANSION_ALLOWANCE`], so that the content of small packages may be repetitive.
    pub expansion: u64,
    /// The size of `manifest.yaml`, in bytes.
    pub manifest_size: u64,
}

impl Limits {
    /// How much content an archive of any size may hold, in bytes.
    pub const EXPANSION_ALLOWANCE: u64 = 256 << 20;

    /// The defaults.
    pub const DEFAULT: Self = Self {
        entries: 50_000,
        file_size: 32 << 30,
        total_size: 64 << 30,
        path_length: 512,
        paths_size: 8 << 20,
        depth: 32,
        expansion: 1_000,
        manifest_size: 256 << 10,
    };

    /// The content size that an archive or an image of this size may have.
    pub(crate) fn max_content(&self, size: u64) -> u64 {
        size.saturating_mul(self.expansion)
            .max(Self::EXPANSION_ALLOWANCE)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
